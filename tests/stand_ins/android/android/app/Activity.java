package android.app;

public class Activity extends android.content.Context {
    protected void onCreate(android.os.Bundle state) {}
    protected void onDestroy() {}
    public void onRequestPermissionsResult(int code, String[] permissions, int[] results) {}
    public final void requestPermissions(String[] permissions, int code) {}
    public void setContentView(android.view.View view) {}
    public final void runOnUiThread(Runnable action) {}
    public boolean isFinishing() { return true; }
}
