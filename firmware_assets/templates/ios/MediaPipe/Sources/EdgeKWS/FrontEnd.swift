/// What the model's samples go through before it, in integers: a DC blocker, and level control where it was trained with it.
enum FrontEnd {
    private static let block = 160

    static func process(_ samples: [Int32], levelControl: Bool) -> [Int32] {
        var out = samples
        var d: Int32 = 0  // 5120 times the mean of the last third of a second
        var envelope: Int32 = 0
        for start in stride(from: 0, to: samples.count, by: block) {
            let places = start..<min(start + block, samples.count)
            if places.count == block {
                let sum = samples[places].reduce(0, +)
                d = start == 0 ? 32 * sum : d + sum - (d >> 5)
            }
            let offset = (d + 2560 + 5120 * 32768) / 5120 - 32768
            var peak: Int32 = 256
            for i in places {
                out[i] = max(-32767, min(32767, samples[i] - offset))
                peak = max(peak, abs(out[i]))
            }
            if !levelControl { continue }
            envelope = max(envelope - (envelope >> 7), peak << 8)
            let gain = (1 << 30) / (envelope >> 4)
            for i in places { out[i] = (out[i] * gain + 2048) >> 12 }
        }
        return out
    }
}
