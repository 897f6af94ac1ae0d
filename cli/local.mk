# SPDX-License-Identifier: Apache-2.0
# The command: the only code that prints, words errors and chooses exit codes.

bin_PROGRAMS += memprof
dist_bin_SCRIPTS = cli/memprof-memcheck

memprof_SOURCES = \
	cli/block-question.c \
	cli/block-question.h \
	cli/block-references.c \
	cli/block-references.h \
	cli/cmd-attach.c \
	cli/cmd-check.c \
	cli/cmd-compare.c \
	cli/cmd-detach.c \
	cli/cmd-diff.c \
	cli/cmd-duplicates.c \
	cli/cmd-findings.c \
	cli/cmd-growth.c \
	cli/cmd-leaks.c \
	cli/cmd-list.c \
	cli/cmd-merge.c \
	cli/cmd-pools.c \
	cli/cmd-referents.c \
	cli/cmd-referrers.c \
	cli/cmd-run.c \
	cli/cmd-snapshot.c \
	cli/cmd-stat.c \
	cli/cmd-symbolize.c \
	cli/cmd-top.c \
	cli/cmd-tree.c \
	cli/cmd-where.c \
	cli/cmd-why.c \
	cli/command.h \
	cli/diff-options.c \
	cli/diff-options.h \
	cli/diff-sides.c \
	cli/diff-sides.h \
	cli/document.c \
	cli/document.h \
	cli/family-reports.c \
	cli/family-reports.h \
	cli/heap-source.c \
	cli/heap-source.h \
	cli/launch.c \
	cli/launch.h \
	cli/leak-options.c \
	cli/leak-options.h \
	cli/leak-output.c \
	cli/leak-output.h \
	cli/leak-retained.c \
	cli/leak-retained.h \
	cli/memprof.c \
	cli/options.c \
	cli/options.h \
	cli/pager.c \
	cli/pager.h \
	cli/profile-operand.c \
	cli/profile-operand.h \
	cli/run-files.c \
	cli/run-files.h \
	cli/run-options.c \
	cli/run-options.h \
	cli/run-report.h \
	cli/session-choice.c \
	cli/session-choice.h \
	cli/terminal.c \
	cli/terminal.h \
	cli/text-options.c \
	cli/text-options.h \
	cli/tree-output.c \
	cli/tree-output.h \
	cli/view-options.c \
	cli/view-options.h \
	cli/view-output.c \
	cli/view-output.h \
	cli/words.c \
	cli/words.h
memprof_LDADD = $(host_libs)

if BASH_COMPLETION
dist_bashcompletion_DATA = completions/memprof
else
EXTRA_DIST += completions/memprof
endif
