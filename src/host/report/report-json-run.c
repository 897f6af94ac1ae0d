// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-json-run.h"

#include "src/host/profile/domain.h"
#include "src/host/profile/liveness.h"
#include "src/host/report/report-json-place.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/view/filter.h"

json_t *report_json_process(const struct profile *p)
{
    const struct profile_process *process = &p->process;
    bool exited = process->exit_kind == EXIT_STATUS, killed = process->exit_kind == EXIT_SIGNAL;
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "command", report_json_string(p, process->command));
    jsonobject_set(&o, "program", report_json_string(p, process->program));
    jsonobject_set(&o, "executable", report_json_string(p, process->executable));
    jsonobject_set(&o, "pid", json_integer(process->pid));
    jsonobject_set(&o, "exit_status", exited ? json_integer(process->exit_value) : json_null());
    jsonobject_set(&o, "signal", killed ? json_integer(process->exit_value) : json_null());
    jsonobject_set(&o, "executed", json_boolean(process->exit_kind == EXIT_EXECUTED));
    jsonobject_set(&o, "detached", json_boolean(process->exit_kind == EXIT_DETACHED));
    jsonobject_set(&o, "seconds", json_real(process->seconds));
    jsonobject_set(&o, "attached_seconds",
                   process->attached_seconds > 0 ? json_real(process->attached_seconds)
                                                 : json_null());
    jsonobject_set(&o, "own_malloc", json_boolean(process->own_malloc != 0));
    jsonobject_set(&o, "started_unix", json_integer(process->started_unix));
    jsonobject_set(&o, "host", report_json_string(p, process->host));
    jsonobject_set(&o, "merged", jsonvalue_number(process->merged));
    jsonobject_set(&o, "allocator",
                   process->allocator ? report_json_string(p, process->allocator) : json_null());
    jsonobject_set(&o, "memprof_version", report_json_string(p, process->memprof_version));
    return jsonobject_end(&o);
}

json_t *report_json_totals(const struct profile *p)
{
    const struct profile_totals *t = &p->totals;
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "live_bytes", jsonvalue_number(t->live_bytes));
    jsonobject_set(&o, "live_blocks", jsonvalue_number(t->live_blocks));
    jsonobject_set(&o, "peak_bytes", jsonvalue_number(t->peak_bytes));
    jsonobject_set(&o, "peak_blocks", jsonvalue_number(t->peak_blocks));
    jsonobject_set(&o, "peak_seconds",
                   p->process.merged ? json_null() : json_real(t->peak_seconds));
    jsonobject_set(&o, "total_bytes", jsonvalue_number(t->total_bytes));
    jsonobject_set(&o, "total_blocks", jsonvalue_number(t->total_blocks));
    jsonobject_set(&o, "freed_bytes", jsonvalue_number(t->freed_bytes));
    jsonobject_set(&o, "freed_blocks", jsonvalue_number(t->freed_blocks));
    jsonobject_set(&o, "temporary_bytes", jsonvalue_number(t->temporary_bytes));
    jsonobject_set(&o, "temporary_blocks", jsonvalue_number(t->temporary_blocks));
    jsonobject_set(&o, "failed_blocks", jsonvalue_number(t->failed_blocks));
    jsonobject_set(&o, "mmap_live_bytes", jsonvalue_number(t->mmap_live_bytes));
    jsonobject_set(&o, "mmap_peak_bytes", jsonvalue_number(t->mmap_peak_bytes));
    jsonobject_set(&o, "mmap_total_bytes", jsonvalue_number(t->mmap_total_bytes));
    jsonobject_set(&o, "rss_peak_bytes", jsonvalue_number(t->rss_peak_bytes));
    jsonobject_set(&o, "own_target_bytes", jsonvalue_number(t->own_target_bytes));
    jsonobject_set(&o, "own_host_bytes", jsonvalue_number(t->own_host_bytes));
    jsonobject_set(&o, "dropped", jsonvalue_number(p->loss.dropped));
    return jsonobject_end(&o);
}

json_t *report_json_loss(const struct profile *p)
{
    const struct profile_loss *l = &p->loss;
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "dropped", jsonvalue_number(l->dropped));
    jsonobject_set(&o, "bootstrap_blocks", jsonvalue_number(l->bootstrap_blocks));
    jsonobject_set(&o, "bootstrap_bytes", jsonvalue_number(l->bootstrap_bytes));
    jsonobject_set(&o, "nested_blocks", jsonvalue_number(l->nested_blocks));
    jsonobject_set(&o, "unknown_frees", jsonvalue_number(l->unknown_frees));
    jsonobject_set(&o, "earlier_frees", jsonvalue_number(l->earlier_frees));
    jsonobject_set(&o, "imports_missed", jsonvalue_number(l->imports_missed));
    jsonobject_set(&o, "replaced_blocks", jsonvalue_number(l->replaced_blocks));
    jsonobject_set(&o, "stacks_truncated", jsonvalue_number(l->stacks_truncated));
    jsonobject_set(&o, "stacks_lost", jsonvalue_number(l->stacks_lost));
    jsonobject_set(&o, "modules_lost", jsonvalue_number(l->modules_lost));
    jsonobject_set(&o, "damaged_records", jsonvalue_number(l->damaged_records));
    jsonobject_set(&o, "forked_children", jsonvalue_number(l->forked_children));
    jsonobject_set(&o, "verified", jsonvalue_number(l->verified));
    jsonobject_set(&o, "verify_mismatch", jsonvalue_number(l->verify_mismatch));
    jsonobject_set(&o, "verify_skipped", jsonvalue_number(l->verify_skipped));
    jsonobject_set(&o, "slow_steps", jsonvalue_number(l->slow_steps));
    jsonobject_set(&o, "faults_dropped", jsonvalue_number(l->faults_dropped));
    jsonobject_set(&o, "incomplete", json_boolean(p->incomplete));
    jsonobject_set(&o, "running", json_boolean(liveness_writer(p)));
    jsonobject_set(&o, "damaged", json_boolean(p->cut.kind == CUT_DAMAGED));
    jsonobject_set(&o, "cut_offset", p->incomplete ? jsonvalue_number(p->cut.offset) : json_null());
    jsonobject_set(&o, "cut_size",
                   p->incomplete ? jsonvalue_number(p->cut.file_size) : json_null());
    jsonobject_set(&o, "cut_seconds", p->incomplete ? json_real(p->cut.seconds) : json_null());
    return jsonobject_end(&o);
}

json_t *report_json_timeline(const struct profile *p)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->sample_count; i++) {
        const struct profile_sample *sample = &p->samples[i];
        struct jsonobject o = jsonobject_begin();

        jsonobject_set(&o, "seconds", json_real(sample->seconds));
        jsonobject_set(&o, "live_bytes", jsonvalue_number(sample->live_bytes));
        jsonobject_set(&o, "live_blocks", jsonvalue_number(sample->live_blocks));
        jsonobject_set(&o, "rss_bytes", jsonvalue_number(sample->rss_bytes));
        list = jsonlist_append(list, jsonobject_end(&o));
    }
    return list;
}

/* --------------------------------------------------- domains and moments -- */

json_t *report_json_domains(const struct profile *p)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->domain_count; i++) {
        const struct profile_domain *d = &p->domains[i];
        struct jsonobject o = jsonobject_begin();

        jsonobject_set(&o, "name", jsonvalue_text(domain_name(p, i)));
        jsonobject_set(&o, "live_bytes", jsonvalue_number(d->live_bytes));
        jsonobject_set(&o, "live_blocks", jsonvalue_number(d->live_blocks));
        jsonobject_set(&o, "peak_bytes", jsonvalue_number(d->peak_bytes));
        jsonobject_set(&o, "peak_blocks", jsonvalue_number(d->peak_blocks));
        jsonobject_set(&o, "total_bytes", jsonvalue_number(d->total_bytes));
        jsonobject_set(&o, "total_blocks", jsonvalue_number(d->total_blocks));
        list = jsonlist_append(list, jsonobject_end(&o));
    }
    return list;
}

json_t *report_json_marks(const struct profile *p)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->mark_count; i++) {
        const struct profile_mark *mark = &p->marks[i];
        struct jsonobject o = jsonobject_begin();
        bool known = mark->thread < p->thread_count;

        jsonobject_set(&o, "label", report_json_string(p, mark->label));
        jsonobject_set(&o, "seconds", json_real(mark->seconds));
        jsonobject_set(&o, "live_bytes", jsonvalue_number(mark->live_bytes));
        jsonobject_set(&o, "live_blocks", jsonvalue_number(mark->live_blocks));
        jsonobject_set(&o, "tid", known ? json_integer(p->threads[mark->thread].tid) : json_null());
        list = jsonlist_append(list, jsonobject_end(&o));
    }
    return list;
}

json_t *report_json_snapshot(const struct profile *p, uint32_t index)
{
    static const char *const causes[] = {"run", "timer", "command", "signal", "program"};
    const struct profile_moment *m = &p->moments[index];
    bool known = m->cause < sizeof causes / sizeof *causes;
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "number", jsonvalue_number(m->number));
    jsonobject_set(&o, "label", report_json_string(p, m->label));
    jsonobject_set(&o, "cause", known ? json_string(causes[m->cause]) : json_null());
    jsonobject_set(&o, "seconds", json_real(m->seconds));
    jsonobject_set(&o, "live_bytes", jsonvalue_number(m->live_bytes));
    jsonobject_set(&o, "live_blocks", jsonvalue_number(m->live_blocks));
    jsonobject_set(&o, "peak_bytes", jsonvalue_number(m->peak_bytes));
    jsonobject_set(&o, "peak_blocks", jsonvalue_number(m->peak_blocks));
    jsonobject_set(&o, "total_bytes", jsonvalue_number(m->total_bytes));
    jsonobject_set(&o, "total_blocks", jsonvalue_number(m->total_blocks));
    jsonobject_set(&o, "temporary_bytes", jsonvalue_number(m->temporary_bytes));
    jsonobject_set(&o, "temporary_blocks", jsonvalue_number(m->temporary_blocks));
    jsonobject_set(&o, "mmap_live_bytes", jsonvalue_number(m->mmap_live_bytes));
    jsonobject_set(&o, "rss_bytes", jsonvalue_number(m->rss_bytes));
    return jsonobject_end(&o);
}

json_t *report_json_patterns(const struct filter *f, bool include)
{
    json_t *list = json_array();
    const char *pattern;
    bool is_include;

    for (size_t i = 0; f && i < f->count; i++) {
        pattern = filter_pattern(f, i, &is_include);
        if (is_include == include)
            list = jsonlist_append(list, jsonvalue_text(pattern));
    }
    return list;
}
