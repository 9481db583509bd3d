package edgekws

import kotlin.math.abs

/** What the model's samples go through before it, in integers: a DC blocker, and level control where it was trained with it. */
internal object FrontEnd {
    private const val BLOCK = 160

    fun process(samples: ShortArray, levelControl: Boolean): ShortArray {
        val out = ShortArray(samples.size)
        var d = 0 // 5120 times the mean of the last third of a second
        var envelope = 0
        for (start in samples.indices step BLOCK) {
            val block = start until minOf(start + BLOCK, samples.size)
            if (block.count() == BLOCK) {
                var sum = 0
                for (i in block) sum += samples[i]
                d = if (start == 0) 32 * sum else d + sum - (d shr 5)
            }
            val offset = (d + 2560 + 5120 * 32768) / 5120 - 32768
            var peak = 256
            for (i in block) {
                val y = (samples[i] - offset).coerceIn(-32767, 32767)
                peak = maxOf(peak, abs(y))
                out[i] = y.toShort()
            }
            if (!levelControl) continue
            envelope = maxOf(envelope - (envelope shr 7), peak shl 8)
            val gain = (1 shl 30) / (envelope shr 4)
            for (i in block) out[i] = ((out[i] * gain + 2048) shr 12).toShort()
        }
        return out
    }
}
