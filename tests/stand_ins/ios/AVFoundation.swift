// The microphone is `AVAudioEngine.recording`: start() hands it to the tap, block after block, on a thread of its own.
@_exported import Foundation

public typealias AVAudioFrameCount = UInt32
public typealias AVAudioPacketCount = UInt32
public typealias AVAudioNodeBus = Int

public let AVAudioSessionInterruptionTypeKey = "AVAudioSessionInterruptionTypeKey"

extension Notification.Name {
    public static let AVAudioEngineConfigurationChange = Notification.Name("AVAudioEngineConfigurationChange")
}

public final class AVAudioSession {
    public enum InterruptionType: UInt { case ended, began }
    public enum Category { case record }
    public enum Mode { case measurement }
    public struct SetActiveOptions: OptionSet {
        public static let notifyOthersOnDeactivation = SetActiveOptions(rawValue: 1)
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
    }

    public static let interruptionNotification = Notification.Name("AVAudioSessionInterruption")
    nonisolated(unsafe) public static var granted = true
    nonisolated(unsafe) private static let session = AVAudioSession()

    public static func sharedInstance() -> AVAudioSession { session }
    public func requestRecordPermission(_ response: @escaping (Bool) -> Void) {
        Thread.detachNewThread { response(Self.granted) }
    }
    public func setCategory(_ category: Category, mode: Mode) throws {}
    public func setActive(_ active: Bool, options: SetActiveOptions = []) throws {}
}

public enum AVAudioCommonFormat { case pcmFormatFloat32, pcmFormatInt16 }

public class AVAudioFormat {
    public let commonFormat: AVAudioCommonFormat
    public let sampleRate: Double

    public init?(commonFormat format: AVAudioCommonFormat, sampleRate: Double, channels: UInt32, interleaved: Bool) {
        commonFormat = format
        self.sampleRate = sampleRate
    }
}

public class AVAudioBuffer {}

public final class AVAudioPCMBuffer: AVAudioBuffer {
    public let int16ChannelData: UnsafePointer<UnsafeMutablePointer<Int16>>?
    public var frameLength: AVAudioFrameCount = 0
    let samples: UnsafeMutablePointer<Int16>

    public init?(pcmFormat format: AVAudioFormat, frameCapacity: AVAudioFrameCount) {
        samples = .allocate(capacity: Int(frameCapacity))
        let channels = UnsafeMutablePointer<UnsafeMutablePointer<Int16>>.allocate(capacity: 1)
        channels[0] = samples
        int16ChannelData = UnsafePointer(channels)
    }
}

public enum AVAudioConverterInputStatus { case haveData, noDataNow, endOfStream }
public enum AVAudioConverterOutputStatus { case haveData, inputRanDry, endOfStream, error }
public typealias AVAudioConverterInputBlock = (AVAudioPacketCount, UnsafeMutablePointer<AVAudioConverterInputStatus>) ->
    AVAudioBuffer?

public final class AVAudioConverter {
    public let inputFormat: AVAudioFormat
    public let outputFormat: AVAudioFormat

    public init?(from: AVAudioFormat, to: AVAudioFormat) {
        inputFormat = from
        outputFormat = to
    }

    @discardableResult
    public func convert(
        to output: AVAudioBuffer, error: UnsafeMutablePointer<NSError?>?, withInputFrom input: AVAudioConverterInputBlock
    ) -> AVAudioConverterOutputStatus {
        guard let output = output as? AVAudioPCMBuffer, inputFormat.sampleRate == outputFormat.sampleRate else { return .error }
        var status = AVAudioConverterInputStatus.endOfStream
        while let block = input(1, &status) as? AVAudioPCMBuffer, status == .haveData {
            (output.samples + Int(output.frameLength)).update(from: block.samples, count: Int(block.frameLength))
            output.frameLength += block.frameLength
        }
        return .haveData
    }
}

public final class AVAudioTime {}

public final class AVAudioInputNode {
    var tap: ((AVAudioPCMBuffer, AVAudioTime) -> Void)?
    var size: AVAudioFrameCount = 0

    public func outputFormat(forBus bus: AVAudioNodeBus) -> AVAudioFormat { AVAudioEngine.format }
    public func installTap(
        onBus bus: AVAudioNodeBus, bufferSize: AVAudioFrameCount, format: AVAudioFormat?,
        block: @escaping (AVAudioPCMBuffer, AVAudioTime) -> Void
    ) {
        precondition(tap == nil, "one tap a bus")
        size = bufferSize
        tap = block
    }
    public func removeTap(onBus bus: AVAudioNodeBus) { tap = nil }
}

public final class AVAudioEngine {
    nonisolated(unsafe) public static var recording: [Int16] = []
    nonisolated(unsafe) static let format = AVAudioFormat(
        commonFormat: .pcmFormatInt16, sampleRate: 16000, channels: 1, interleaved: true)!
    public let inputNode = AVAudioInputNode()

    public init() {}
    public func prepare() {}
    public func stop() {}
    public func start() throws {
        Thread.detachNewThread { [inputNode] in
            var from = 0
            while let tap = inputNode.tap, from < Self.recording.count {
                let count = min(Int(inputNode.size), Self.recording.count - from)
                let block = AVAudioPCMBuffer(pcmFormat: Self.format, frameCapacity: UInt32(count))!
                for i in 0..<count { block.samples[i] = Self.recording[from + i] }
                block.frameLength = UInt32(count)
                tap(block, AVAudioTime())
                from += count
            }
        }
    }
}
