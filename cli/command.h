/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of memprof.  Each lies in cmd-NAME.c with its options and its
 * usage text; argv[0] is the command's own name.  The result is the exit status.
 */
#ifndef MEMPROF_CLI_COMMAND_H
#define MEMPROF_CLI_COMMAND_H

int cmd_attach(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_duplicates(int argc, char **argv);
int cmd_findings(int argc, char **argv);
int cmd_growth(int argc, char **argv);
int cmd_leaks(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_pools(int argc, char **argv);
int cmd_referents(int argc, char **argv);
int cmd_referrers(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_symbolize(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_tree(int argc, char **argv);
int cmd_where(int argc, char **argv);
int cmd_why(int argc, char **argv);

#endif
