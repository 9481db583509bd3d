public final class AudioDataFormat {
    public init(channelCount: UInt, sampleRate: Double) {}
}

public final class MPPFloatBuffer {
    public let length: UInt
    public let data: UnsafeMutablePointer<Float>

    public init(length: UInt) {
        self.length = length
        data = .allocate(capacity: Int(length))
    }
}

public final class AudioData {
    public init(format: AudioDataFormat, sampleCount: UInt) {}
    public func load(buffer: MPPFloatBuffer, offset: UInt, length: UInt) throws {}
}

public final class AudioRecord {
    public init(audioDataFormat: AudioDataFormat, bufferLength: UInt) throws {}
    public func startRecording() throws {}
    public func stop() throws {}
    public func read(offset: UInt, length: UInt) throws -> MPPFloatBuffer { MPPFloatBuffer(length: length) }
}

public final class ResultCategory {
    public let index = 0
    public let score: Float = 0
    public let categoryName: String? = nil
}

public final class Classifications {
    public let categories: [ResultCategory] = []
}

public final class ClassificationResult {
    public let classifications: [Classifications] = []
}

public final class AudioClassifierResult {
    public let classificationResults: [ClassificationResult] = []
}

public final class AudioClassifier {
    public init(modelPath: String) throws {}
    public func classify(audioClip: AudioData) throws -> AudioClassifierResult { AudioClassifierResult() }
}
