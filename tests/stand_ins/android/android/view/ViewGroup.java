package android.view;

public class ViewGroup extends View {
    public ViewGroup(android.content.Context context) { super(context); }
    public void addView(View view) {}
}
