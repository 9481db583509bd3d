package com.google.mediapipe.tasks.components.containers;

public class AudioData {
public static AudioData create(AudioDataFormat format, int sampleCounts) { return new AudioData(); }
public void load(float[] samples) {}
public abstract static class AudioDataFormat {
    public static Builder builder() { return null; }
    public abstract static class Builder {
        public abstract Builder setNumOfChannels(int value);
        public abstract Builder setSampleRate(float value);
        public abstract AudioDataFormat build(); } } }
