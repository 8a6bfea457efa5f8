# Output of the scripts beside it, and commands that --dry-run only shows.
# shellcheck shell=bash

# Set to `true` by --dry-run: commands are shown instead of run.
dry_run=false

strong='' bad='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    strong=$'\e[1m' bad=$'\e[1;31m' plain=$'\e[0m'
fi

step() {
    printf '%s==> %s%s\n' "${strong}" "$1" "${plain}"
}

say() {
    printf '    %s\n' "$1"
}

warn() {
    printf '%swarning:%s %s\n' "${bad}" "${plain}" "$1" >&2
}

# fail [STATUS] MESSAGE
fail() {
    local status=1
    if (($# == 2)); then
        status=$1
        shift
    fi
    printf '%serror:%s %s\n' "${bad}" "${plain}" "$1" >&2
    exit "${status}"
}

# Fails for invalid arguments, before anything has run.
misused() {
    fail 2 "$1 (see --help)"
}

# Prints the comment at the head of the script, its help. The script has changed to the project's folder, so
# the path of the call may lead nowhere.
help_text() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "scripts/${0##*/}"
}

# Shows a command line, quoted for a shell.
shown() {
    local word line=''
    for word in "$@"; do
        # The temporary folder has a random name and is gone when the line is read.
        word=${word//"${work:-no folder}"\//}
        if [[ ${word} =~ ^[A-Za-z0-9_./:=@,+-]+$ ]]; then
            line+=" ${word}"
        else
            line+=" '${word//\'/\'\\\'\'}'"
        fi
    done
    printf '    $%s\n' "${line}"
}

# Runs a command that changes something or waits for it.
run() {
    shown "$@"
    "${dry_run}" || "$@"
}

# Reports everything that is missing in one message. A plan can be shown without it.
require() {
    (($# > 0)) || return 0
    local message
    message="missing: $(printf '%s; ' "$@")"
    if "${dry_run}"; then
        warn "${message%; }"
    else
        fail "${message%; }"
    fi
}

# Programs only: a function may have the same name.
has() {
    type -P "$1" >/dev/null
}
