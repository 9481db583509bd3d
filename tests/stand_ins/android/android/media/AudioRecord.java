package android.media;

public class AudioRecord {
public static final int STATE_INITIALIZED = 1;
public AudioRecord(int source, int rate, int channels, int format, int bytes) {}
public static int getMinBufferSize(int rate, int channels, int format) { return 0; }
public int getState() { return 1; }
public void startRecording() {}
public int read(short[] samples, int offset, int size) { return size; }
public void release() {} }
