package android.app;

public class Notification {
    public static class Builder {
        @Deprecated public Builder(android.content.Context context) {}
        public Builder(android.content.Context context, String channel) {}
        public Builder setContentTitle(CharSequence title) { return this; }
        public Builder setSmallIcon(int icon) { return this; }
        public Notification build() { return null; }
    }
}
