/* QEMU plugin: counts the instructions executed between two addresses, exactly.
 *
 *     cc -shared -fPIC -O2 -o count.so count_instructions.c
 *     qemu-system-arm ... -plugin ./count.so,begin=ADDR,end=ADDR,marks=ADDR,out=FILE
 *
 * Without `begin` and `end` it counts everywhere.
 * `marks` is a table of 66 returns, of two bytes or of `width`. When number i is executed, the instructions since the mark
 * before count for i; number 64 ends a window, for which one line of 65 counts is written. Number 65 stands before and
 * behind every push: only what runs in between is counted, and the line ends with the instructions of the largest push
 * since the line before, that of the window's end among them.
 * The same numbers come in every run.
 * The plugin interface is declared here since few distributions package its header. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
enum { INLINE_ADD_U64 = 0, NO_REGISTERS = 0, MARKS = 65, PUSH = MARKS };

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;
typedef void tb_callback(plugin_id, struct qemu_plugin_tb *);
typedef void cpu_callback(unsigned cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, tb_callback *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, cpu_callback *, int registers, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int operation, void *counter, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

EXPORT int qemu_plugin_version = 1;

static uint64_t begin, end = UINT64_MAX, marks, width = 2, executed, counts[MARKS];
static uint64_t before, uncounted, pushed, largest_push; /* executed when the last mark, or push, came */
static int pushing, unended; /* a line lacks its end */
static FILE *out;

static void end_line(void)
{
    if (unended) fprintf(out, "%" PRIu64 "\n", largest_push);
    if (unended) largest_push = 0;
    unended = 0;
    fflush(out);
}

static void on_push(void)
{
    pushing = !pushing;
    if (pushing) {
        pushed = executed;
        before = executed - uncounted;
    } else {
        if (executed - pushed > largest_push) largest_push = executed - pushed;
        uncounted = executed - before;
        end_line();
    }
}

static void on_mark(unsigned cpu, void *data)
{
    const uintptr_t i = (uintptr_t)data;
    (void)cpu;
    if (i == PUSH) {
        on_push();
        return;
    }
    if (pushing) uncounted = executed - before;
    counts[i] += uncounted;
    before = executed;
    uncounted = 0;
    if (i + 1 < MARKS) return;
    end_line();
    for (int m = 0; m < MARKS; m++) fprintf(out, "%" PRIu64 " ", counts[m]);
    unended = 1;
    memset(counts, 0, sizeof counts);
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        const uint64_t address = qemu_plugin_insn_vaddr(instruction);
        if (address >= begin && address < end)
            qemu_plugin_register_vcpu_insn_exec_inline(instruction, INLINE_ADD_U64, &executed, 1);
        if (address >= marks && address < marks + width * (MARKS + 1))
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_mark, NO_REGISTERS,
                                                   (void *)(uintptr_t)((address - marks) / width));
    }
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (!value++) return 1;
        if (!strncmp(argv[i], "begin=", 6)) begin = strtoull(value, NULL, 0);
        if (!strncmp(argv[i], "end=", 4)) end = strtoull(value, NULL, 0);
        if (!strncmp(argv[i], "marks=", 6)) marks = strtoull(value, NULL, 0);
        if (!strncmp(argv[i], "width=", 6)) width = strtoull(value, NULL, 0);
        if (!strncmp(argv[i], "out=", 4)) out = fopen(value, "w");
    }
    if (!out) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
