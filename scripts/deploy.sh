#!/usr/bin/env bash
# Deploys a digest of the artifact, or goes back to the digest before.
#
# scripts/deploy.sh ENV DIGEST [--dry-run]
# scripts/deploy.sh ENV --rollback [--dry-run]
#
# ENV is dev, staging or prod, DIGEST is sha256:<64 hex digits>. Nothing reaches the cluster before the
# signature is verified; then come what the app needs, the migrations, the SpinApps, and questions from
# outside (scripts/smoke.sh). When the SpinApps do not come up or an answer is wrong, the digest before
# is put back; migrations only add, so they stay. The same call twice ends the same way, so a call that
# was interrupted can be repeated.
#
# --dry-run shows every step and changes nothing. It asks no cluster and no registry, except that
# --rollback reads from the cluster which digest was before.
#
# Environment:
#   COSIGN_KEY_PUB                  reference to the public key of who signed (Jenkins), or
#   COSIGN_IDENTITY, COSIGN_ISSUER  who signed without a key (Actions); the identity is a regular
#                                   expression for all of it
#   BASE_URL                        where smoke.sh asks; else the Gateway's host name, with https
#   KUBE_CONTEXT                    kubectl's context, when it is not the current one
#
# Exit status:
#   0  the digest runs and answers
#   1  refused or failed before the SpinApps were changed
#   2  the call is wrong
#   3  failed, and the digest before runs and answers again
#   4  failed, and the SpinApps are not as they were: somebody has to look
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/terminal.sh
source scripts/terminal.sh
# shellcheck source=scripts/signature.sh
source scripts/signature.sh
# shellcheck source=scripts/manifests.sh
source scripts/manifests.sh
# shellcheck source=scripts/cluster.sh
source scripts/cluster.sh

parse() {
    local argument
    local -a words=()
    rollback=false
    for argument in "$@"; do
        case ${argument} in
        --help)
            help_text
            exit
            ;;
        --dry-run) dry_run=true ;;
        --rollback) rollback=true ;;
        -*) misused "there is no ${argument}" ;;
        *) words+=("${argument}") ;;
        esac
    done
    environment=${words[0]:-}
    digest=${words[1]:-}
    [[ ${environment} =~ ^(dev|staging|prod)$ ]] ||
        misused "ENV is dev, staging or prod, not '${environment}'"
    ((${#words[@]} <= 2)) || misused "there is one thing too many: '${words[2]}'"
    if "${rollback}"; then
        [[ -z ${digest} ]] || misused '--rollback finds its digest itself'
        return
    fi
    # A tag may be moved after it was signed.
    [[ ${digest} =~ ${digest_pattern} ]] || misused "DIGEST is sha256:<64 hex digits>, not '${digest}'"
    [[ ${digest} != "${zeros}" ]] || misused 'DIGEST is the placeholder of zeros'
}

check_prerequisites() {
    local -a missing=()
    local client verifier
    if has kubectl; then
        client=$(kubectl version --client --output json | sed -n 's/.*"kustomizeVersion": "v\([0-9]*\).*/\1/p')
        ((${client:-0} >= 5)) || missing+=('a kubectl with kustomize 5')
    else
        missing+=('kubectl with kustomize 5')
    fi
    has cosign || missing+=('cosign')
    has curl || missing+=('curl')
    verifier=$(missing_verifier)
    [[ -z ${verifier} ]] || missing+=("${verifier}")
    if has kubectl && reads_cluster && ! kubectl --request-timeout=10s get --raw /version >/dev/null 2>&1; then
        missing+=("a cluster that answers${KUBE_CONTEXT:+ as context ${KUBE_CONTEXT}}")
    fi
    require "${missing[@]}"
    has kubectl || fail 'without kubectl there is no plan either'
}

# Whether this call may ask the cluster.
reads_cluster() {
    ! "${dry_run}" || "${rollback}"
}

# Before the SpinApps change. Each of it may be applied again at any time, and the pods that run now go
# on with what is there: names of configuration have a hash, and nothing is deleted. So old hashes stay
# behind, as do objects that an overlay no longer has; `kubectl apply --prune` would take those away, and
# with a wrong label everything else. They are for a person to delete.
prepare() {
    step 'what the app needs'
    apply 'app.kubernetes.io/component notin (migrations, api)' ||
        fail 'not applied whole; the migrations and the SpinApps are as they were'
    require_secret
    wait_for_workloads
    step 'migrations'
    migrate
}

# Puts the SpinApps of the last rendering in place and sees whether they do. Fails without a message of
# its own: what follows from it is for the caller to say.
switch_over() {
    apply app.kubernetes.io/component=api && wait_for_apps && smoke
}

smoke() {
    step "questions to ${url}"
    if "${dry_run}"; then
        scripts/smoke.sh "${url}" --dry-run
    else
        scripts/smoke.sh "${url}"
    fi
}

# Only the SpinApps: the Job of the older version would refuse the newer database. Configuration is that
# of this checkout. The signature is not asked for again: until a moment ago this digest ran.
put_back() {
    if [[ -z ${before} ]]; then
        fail 4 "${digest} was applied and does not work; there is nothing to roll back to, since no one digest ran before it"
    elif [[ ${before} == "${digest}" ]]; then
        fail 4 "${digest} was there already and does not work; scripts/deploy.sh ${environment} --rollback goes back to the digest before"
    fi
    step "${digest} does not work: back to ${before}"
    show_pods
    render "${before}" "${before_that}"
    if switch_over; then
        fail 3 "${digest} does not work in ${environment}; rolled back: ${before} runs again"
    fi
    fail 4 "${digest} does not work in ${environment}, and neither does ${before}, which was put back"
}

deploy() {
    step "${environment}: ${repository}@${digest}"
    say_where
    render "${digest}" ''
    refuse_placeholders
    step 'signature'
    verify_signature "${repository}@${digest}" || fail "${digest} is not signed by who may; nothing was changed"
    read_running "${digest}"
    # Deployed again, it goes on remembering what was before it.
    local previous=${before}
    [[ ${before} != "${digest}" ]] || previous=${before_that}
    render "${digest}" "${previous}"
    prepare
    step 'SpinApps'
    switch_over || put_back
    finished "${digest}"
}

roll_back() {
    step "${environment}: back to the digest before"
    say_where
    read_running ''
    local previous=${before_that}
    [[ -n ${previous} ]] || fail 'there is nothing to roll back to: the SpinApps remember no digest before theirs'
    if [[ ${previous} == "${before}" ]]; then
        step "${environment} was rolled back to ${before} already; nothing was changed"
        return
    fi
    step 'signature'
    verify_signature "${repository}@${previous}" || fail "${previous} is not signed by who may; nothing was changed"
    # It remembers itself: a second --rollback finds its work done, instead of going forward again.
    render "${previous}" "${previous}"
    refuse_placeholders
    step 'SpinApps'
    switch_over || fail 4 "${previous} was put back in ${environment} and does not work either"
    finished "${previous}"
}

finished() {
    if "${dry_run}"; then
        "${rollback}" || say 'if the SpinApps do not come up or an answer is wrong, the digest before is put back'
        step 'nothing was changed: this was --dry-run'
    else
        step "${environment} runs $1"
    fi
}

parse "$@"
check_prerequisites
work=$(mktemp -d)
trap 'rm -rf "${work}"' EXIT
trap 'fail 130 "interrupted: the same call again goes on where this one ended"' INT TERM
copy_manifests
read_overlay
# smoke.sh knows what it takes, and with a wrong address every deploy would be put back.
url=${BASE_URL:-https://${host}}
scripts/smoke.sh "${url}" --dry-run >/dev/null || fail 2 "there is nothing to ask at '${url}': set BASE_URL"
if "${rollback}"; then roll_back; else deploy; fi
