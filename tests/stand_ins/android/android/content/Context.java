package android.content;

public abstract class Context {
    public <T> T getSystemService(Class<T> type) { return null; }
    public Object startService(Intent intent) { return null; }
    public Object startForegroundService(Intent intent) { return null; }
    public boolean stopService(Intent intent) { return true; }
    public int checkSelfPermission(String permission) { return 0; }
    public android.content.res.Resources getResources() { return null; }
}
