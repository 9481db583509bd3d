package com.google.mediapipe.tasks.audio.audioclassifier;

import android.content.Context;
import com.google.mediapipe.tasks.components.containers.AudioData;
public final class AudioClassifier implements AutoCloseable {
public static AudioClassifier createFromFile(Context context, String path) { return null; }
public AudioClassifierResult classify(AudioData clip) { return null; }
public void close() {} }
