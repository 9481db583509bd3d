package android.view;

public class View {
    public static final int ACCESSIBILITY_LIVE_REGION_POLITE = 1;
    public interface OnClickListener { void onClick(View view); }
    public View(android.content.Context context) {}
    public void setOnClickListener(OnClickListener listener) {}
    public int getAccessibilityLiveRegion() { return 0; }
    public void setAccessibilityLiveRegion(int mode) {}
    public boolean getFitsSystemWindows() { return false; }
    public void setFitsSystemWindows(boolean fits) {}
    public CharSequence getContentDescription() { return null; }
    public void setContentDescription(CharSequence description) {}
    public void setPadding(int left, int top, int right, int bottom) {}
}
