/* record/recording_sink of what has happened before: its times, and what is not known between. */
#include <sys/mman.h>

#include "test_recording_play.h"

#define EPOCH_NS (UINT64_C(1700000000) * NS_PER_S)
#define BEGIN_NS (UINT64_C(5) * NS_PER_S)
#define TICKS 600 /* more than a block holds */

static void *born(const struct sample_sink *to, uint32_t entity)
{
    to->record(to->user, &(struct record){.type = RECORD_BIRTH,
                                          .birth = {.entity = entity,
                                                    .time_ns = BEGIN_NS,
                                                    .pid = 100 + entity,
                                                    .start_boot_ns = BEGIN_NS}});
    return to->add(to->user, entity, ENTITY_PROCESS);
}

/* Two processes put by turns, the second every third time. */
static void write_by_turns(int fd)
{
    struct record_anchor anchor = {BEGIN_NS, EPOCH_NS, BEGIN_NS};
    struct recording_options options = {.fd = fd, .interval_ns = NS_PER_S, .anchor = &anchor};
    assert_int_equal(recording_create(&options, &recording), 0);
    sink = recording_sink(recording);
    void *handle[2] = {born(&sink, 1), born(&sink, 2)};
    for (uint64_t i = 0; i < TICKS; i++) {
        uint64_t value[METRICS_MAX] = {[PROCESS_CPU] = i};
        sink.tick(sink.user, BEGIN_NS + i * NS_PER_S);
        sink.put(sink.user, handle[i % 3 == 2], ENTITY_PROCESS, GROUP(GROUP_CLOCK), false, value,
                 BIT(PROCESS_CPU));
        sink.tick_end(sink.user);
    }
    assert_false(recording_unlinked(recording));
    assert_int_equal(recording_close(recording), 0);
    recording = NULL;
}

static void assert_sample(const struct tacho_sample *sample)
{
    uint64_t i = (sample->time_ns - BEGIN_NS) / NS_PER_S;
    bool put = sample->entity == (i % 3 == 2 ? 2 : 1);
    assert_false(sample->idle);
    assert_int_equal(sample->fresh, put ? BIT(PROCESS_CPU) : 0);
    assert_true(sample->known == BIT(PROCESS_CPU));
    if (put)
        assert_int_equal(sample->value[PROCESS_CPU], i);
}

static void it_is_read_as_it_was(void **state)
{
    int fd = memfd_create("past", MFD_CLOEXEC);
    if (fd < 0)
        skip();
    write_by_turns(dup(fd));
    struct tacho_recording *rec;
    struct tacho_error error;
    assert_int_equal(tacho_recording_open_fd(fd, &rec, &error), 0);
    assert_int_equal(tacho_first_ns(rec), BEGIN_NS);
    assert_int_equal(tacho_last_ns(rec), BEGIN_NS + (TICKS - 1) * NS_PER_S);
    assert_int_equal(tacho_real_ns(rec, BEGIN_NS + 7), EPOCH_NS + 7);
    assert_int_equal(tacho_process(rec, 0)->start_real_ns, EPOCH_NS);
    /* A second is no reason for a block, and memory is. */
    assert_in_range(tacho_recording_blocks(rec, BLOCK_PROCESSES)->blocks, 2, 4);
    struct tacho_walk *walk;
    struct tacho_sample sample;
    unsigned samples = 0;
    assert_int_equal(tacho_walk_open(rec, 0, UINT64_MAX, 1u << TACHO_PROCESS, &walk), 0);
    for (; tacho_walk_next(walk, &sample) == 1; samples++)
        assert_sample(&sample);
    assert_int_equal(samples, 2 * TICKS - 2); /* the second was not there before its first */
    tacho_walk_close(walk);
    tacho_recording_close(rec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_read_as_it_was, begin, clean_up),
    };
    return cmocka_run_group_tests_name("recording_past", tests, NULL, NULL);
}
