# SPDX-License-Identifier: Apache-2.0
# Manual pages: dist_man_MANS += man/NAME.1
