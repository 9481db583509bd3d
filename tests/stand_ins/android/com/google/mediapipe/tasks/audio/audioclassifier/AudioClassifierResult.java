package com.google.mediapipe.tasks.audio.audioclassifier;

import com.google.mediapipe.tasks.components.containers.ClassificationResult;
public abstract class AudioClassifierResult {
public abstract java.util.List<ClassificationResult> classificationResults(); }
