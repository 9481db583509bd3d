package android.app;

public abstract class Service extends android.content.Context {
    public static final int START_NOT_STICKY = 2;
    public int onStartCommand(android.content.Intent intent, int flags, int startId) { return 0; }
    public void onDestroy() {}
    public abstract android.os.IBinder onBind(android.content.Intent intent);
    public final void startForeground(int id, Notification notification) {}
    public final void startForeground(int id, Notification notification, int type) {}
    public final void stopSelf() {}
}
