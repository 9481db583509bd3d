package android;

public final class R {
    public static final class drawable {
        public static final int ic_btn_speak_now = 1;
    }
}
