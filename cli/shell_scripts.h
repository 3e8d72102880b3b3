/*
 * shell_scripts.h - the files of cli/shell, which the build makes a part of lk
 * (cmake/LkEmbed.cmake).
 */
#ifndef CLI_SHELL_SCRIPTS_H
#define CLI_SHELL_SCRIPTS_H

extern const char shell_bash[];
extern const char shell_zsh[];
extern const char shell_fish[];

#endif
