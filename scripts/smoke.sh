#!/usr/bin/env bash
# Tests a deployed API from outside: health, users and auth respond, and endpoints for the inside of the
# cluster do not. It changes nothing and needs no account.
#
# scripts/smoke.sh BASE_URL [--dry-run]
#
# Exit status: 0, 1 if a response is wrong, 2 if the arguments are invalid.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/terminal.sh
source scripts/terminal.sh

# Shared by all requests, to bound the whole run to a few minutes: a gateway needs a moment to see new pods
# and, on a first deploy, a certificate.
retries=30

# ask PATH STATUS [TYPE]
ask() {
    local path=$1 expected="$2${3:+ $3}" answer
    local command=(curl --silent --show-error --max-time 10 --output /dev/null
        --write-out '%{http_code} %{content_type}' "${url}${path}")
    if "${dry_run}"; then
        shown "${command[@]}"
        say "    expects ${expected}"
        return
    fi
    # A type is compared without its parameters; without a type only the status counts.
    until answer=$("${command[@]}" 2>&1) && [[ "${answer%%;*} " == "${expected} "* ]]; do
        if ((retries == 0)); then
            warn "${path}: expected ${expected}, got: ${answer}"
            return 1
        fi
        retries=$((retries - 1))
        sleep 3
    done
    say "${path}: ${expected}"
}

url=
for argument in "$@"; do
    case ${argument} in
    --help)
        help_text
        exit
        ;;
    --dry-run) dry_run=true ;;
    *)
        [[ -z ${url} ]] || misused "unexpected argument: '${argument}'"
        url=${argument%/}
        ;;
    esac
done
[[ ${url} =~ ^https?://[A-Za-z0-9.:-]+$ ]] || misused 'BASE_URL must be scheme://host[:port]'

failed=0
ask /api/v1/health/live 200 || failed=1
ask /api/v1/health/ready 200 || failed=1
ask /api/v1/users 401 application/problem+json || failed=1
ask /api/v1/auth/nothing 404 application/problem+json || failed=1
# 404 of the gateway itself: one for a path that nobody serves, the others for paths that it must not forward.
ask /nothing 404 || failed=1
ask /metrics 404 || failed=1
ask /.well-known/spin/health 404 || failed=1
exit "${failed}"
