#!/usr/bin/env bash
# Deploys a digest of the artifact, or rolls back to the previous release.
#
# scripts/deploy.sh ENV DIGEST [--migrate-only] [--dry-run]
# scripts/deploy.sh ENV --rollback [--dry-run]
#
# ENV is dev, staging or prod, DIGEST is sha256:<64 hex digits>. Nothing reaches the cluster before the
# signature is verified, and nothing is read before the Lease roster-deploy is held: a second deploy waits
# three minutes for it, then fails. The steps are: prerequisites of the app, migrations, SpinApps, smoke
# tests from outside (scripts/smoke.sh). A release that passes is recorded with its manifests; the last
# three are kept. If a release does not start or a response is wrong, the last working release is applied
# again: its configuration, limits and policies, and the image of Spin. Migrations only add, so they stay,
# and so do objects that only the newer release has. The same call twice has the same result, so an
# interrupted call can be repeated.
#
# --rollback returns from the last working release to the previous one or, after an interrupted deploy, to
# the last working one. It needs no build and no configuration of this checkout.
#
# --migrate-only ends after the migrations, for those that take longer than the 5 minutes of a deploy: it
# waits up to 4 hours (MIGRATION_MINUTES). A later deploy of the same digest finds them applied.
#
# --dry-run shows every step and changes nothing. It reads from no cluster and no registry, except that
# --rollback reads the record of releases.
#
# Environment:
#   COSIGN_KEY_PUB                  reference to the public key of the signer (Jenkins), or
#   COSIGN_IDENTITY, COSIGN_ISSUER  signer of a keyless signature (Actions); the identity is a regular
#                                   expression that must match all of it
#   BASE_URL                        target of smoke.sh; default: https and the Gateway's host name
#   KUBE_CONTEXT                    kubectl's context, if not the current one
#   RELEASE_ORDER                   a number that grows with each release, such as a pipeline's run: a
#                                   release is rejected if one with a higher number already works
#
# Exit status:
#   0    the release works: it is rolled out, and all responses are right
#   1    rejected or failed; the SpinApps are unchanged
#   2    invalid arguments
#   3    failed, and the previous release works again
#   4    failed, and the SpinApps are changed: manual intervention needed
#   130  interrupted; the message names the current state and the commands to resume or roll back
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/terminal.sh
source scripts/terminal.sh
# shellcheck source=scripts/signature.sh
source scripts/signature.sh
# shellcheck source=scripts/calls.sh
source scripts/calls.sh
# shellcheck source=scripts/lease.sh
source scripts/lease.sh
# shellcheck source=scripts/waits.sh
source scripts/waits.sh
# shellcheck source=scripts/manifests.sh
source scripts/manifests.sh
# shellcheck source=scripts/cluster.sh
source scripts/cluster.sh
# shellcheck source=scripts/releases.sh
source scripts/releases.sh

# Progress of the call, for the message of an interruption: nothing, prepared or switched.
phase=nothing

parse() {
    local argument
    local -a words=()
    rollback=false migrate_only=false
    for argument in "$@"; do
        case ${argument} in
        --help)
            help_text
            exit
            ;;
        --dry-run) dry_run=true ;;
        --rollback) rollback=true ;;
        --migrate-only) migrate_only=true ;;
        -*) misused "unknown option: ${argument}" ;;
        *) words+=("${argument}") ;;
        esac
    done
    environment=${words[0]:-}
    digest=${words[1]:-}
    [[ ${environment} =~ ^(dev|staging|prod)$ ]] ||
        misused "ENV must be dev, staging or prod, got '${environment}'"
    ((${#words[@]} <= 2)) || misused "unexpected argument: '${words[2]}'"
    [[ ${RELEASE_ORDER:-0} =~ ^(0|[1-9][0-9]{0,14})$ ]] || misused 'RELEASE_ORDER must be a number'
    [[ ${MIGRATION_MINUTES:-240} =~ ^[1-9][0-9]{0,3}$ ]] || misused 'MIGRATION_MINUTES must be a number of minutes'
    if "${rollback}"; then
        [[ -z ${digest} ]] || misused '--rollback takes no digest'
        ! "${migrate_only}" || misused '--rollback cannot be combined with --migrate-only'
        return
    fi
    ! "${migrate_only}" || migration_limit=$((${MIGRATION_MINUTES:-240} * 60))
    # Digest only: a tag may be moved after it was signed.
    [[ ${digest} =~ ${digest_pattern} ]] || misused "DIGEST must be sha256:<64 hex digits>, got '${digest}'"
    [[ ${digest} != "${zeros}" ]] || misused 'DIGEST is the all-zero placeholder'
}

check_prerequisites() {
    local -a missing=()
    local client verifier program
    if has kubectl; then
        client=$(kubectl version --client --output json | sed -n 's/.*"kustomizeVersion": "v\([0-9]*\).*/\1/p')
        ((${client:-0} >= 5)) || missing+=('a kubectl with kustomize 5')
    else
        missing+=('kubectl with kustomize 5')
    fi
    for program in cosign curl gzip base64; do
        has "${program}" || missing+=("${program}")
    done
    verifier=$(missing_verifier)
    [[ -z ${verifier} ]] || missing+=("${verifier}")
    if has kubectl && reads_cluster && ! kubectl --request-timeout=10s get --raw /version >/dev/null 2>&1; then
        missing+=("a reachable cluster${KUBE_CONTEXT:+ (context ${KUBE_CONTEXT})}")
    fi
    require "${missing[@]}"
    has kubectl || fail 'kubectl is required even for --dry-run'
}

# Succeeds if this call may read from the cluster.
reads_cluster() {
    ! "${dry_run}" || "${rollback}"
}

# Applies the prerequisites before the SpinApps change. All of it may be applied again at any time, and
# running pods keep their objects: names of configuration have a hash, and nothing is deleted. So old hashes
# stay behind, as do objects that an overlay no longer has; `kubectl apply --prune` would delete those and,
# with a wrong label, everything else. Delete them by hand. Sets `reason` on failure.
prepare() {
    local -a stores
    step 'prerequisites of the app'
    if ! apply "${needs}"; then
        reason='the prerequisites of the app were applied only in part'
        return 1
    fi
    require_secret || return 1
    mapfile -t stores < <(names StatefulSet && names Deployment)
    if ! wait_ready "${store_limit}" "${stores[@]}"; then
        reason="${waiting% } is not ready; the migrations have not run"
        return 1
    fi
    # The executor exists now, so the operator's webhook can validate the SpinApps.
    if ! apply "${api}" --dry-run=server; then
        reason='the cluster rejects the SpinApps; the migrations have not run'
        return 1
    fi
    step 'migrations'
    migrate
}

# Applies the rendering and waits until it works. Fails without a message; the caller reports the consequence.
switch_over() {
    local -a stores
    mapfile -t stores < <(names StatefulSet && names Deployment)
    apply "${api}" && wait_ready "${rollout_limit}" "${stores[@]}" "${apps[@]}" && smoke
}

smoke() {
    step "requests to ${url}"
    if "${dry_run}"; then
        scripts/smoke.sh "${url}" --dry-run
    else
        stoppable scripts/smoke.sh "${url}"
    fi
}

# Restores the other objects to the last working release. The SpinApps are unchanged.
undo_preparation() {
    local back='the configuration is that of the failed release'
    step "${reason}"
    if ((${#releases[@]} > 0)); then
        if restore 0 && apply "${needs}"; then
            back='the configuration is that of the last working release'
            clear_pending || true
        fi
    fi
    phase=nothing
    show_state
    fail "${reason}; the SpinApps are unchanged, ${back}"
}

# The release in `version` does not work. Returns to the last working one, unless that is the same.
put_back() {
    local refused=${version} now_running
    now_running=$(read_running) || now_running=unknown
    if [[ ${now_running} == "${running}" && " ${running} " != *" ${refused} "* ]]; then
        reason='the SpinApps were rejected'
        undo_preparation
    fi
    show_state
    if ((${#releases[@]} == 0)); then
        fail 4 "${digest} was applied and does not work; there is nothing to roll back to: no earlier release works"
    elif [[ ${versions[0]} == "${refused}" ]]; then
        fail 4 "${digest} was already deployed and does not work; run scripts/deploy.sh ${environment} --rollback to return to the previous release"
    fi
    step "${digest} does not work: rolling back to ${digests[0]}"
    start_deadline "${back_limit}"
    if restore 0 && apply "${needs}" && switch_over; then
        clear_pending || true
        remove_executors
        show_state
        phase=nothing
        fail 3 "${digest} does not work in ${environment}; rolled back: ${digests[0]} runs again"
    fi
    show_state
    fail 4 "${digest} does not work in ${environment}, and neither does ${digests[0]}, to which it was rolled back"
}

deploy() {
    step "${environment}: ${repository}@${digest}"
    say_where
    render "${digest}"
    refuse_placeholders
    step 'signature'
    verify_signature "${repository}@${digest}" ||
        fail "${digest} has no signature from a trusted signer; nothing was changed"
    check_kinds
    require_namespace
    take_lease
    read_state
    if ((${#orders[@]} > 0 && ${RELEASE_ORDER:-0} > 0 && orders[0] > ${RELEASE_ORDER:-0})); then
        fail "a newer release works in ${environment} (${orders[0]}, this is ${RELEASE_ORDER}); nothing was changed"
    fi
    check_address
    pack_release
    apply "${needs}" --dry-run=server || fail 'the cluster rejects the prerequisites of the app; nothing was changed'
    if "${migrate_only}"; then start_deadline "$((forward_limit + migration_limit))"; else start_deadline "${forward_limit}"; fi
    mark_pending || fail 'the release cannot be recorded; nothing was changed'
    phase=prepared
    prepare || undo_preparation
    if "${migrate_only}"; then
        phase=nothing
        step "the migrations of ${digest} are applied; the SpinApps are unchanged"
        return
    fi
    step 'SpinApps'
    phase=switched
    switch_over || put_back
    if ! "${dry_run}"; then
        record_release || fail 4 "${digest} works in ${environment}, but was not recorded: run the same command again"
    fi
    finished "${digest}"
}

roll_back() {
    step "${environment}: rollback to the previous release"
    say_where
    rendered=${work}/overlay.yaml
    require_namespace
    take_lease
    read_state
    local target=0 present=${versions[0]:-}
    ((${#releases[@]} > 0)) || fail 'there is nothing to roll back to: no release is recorded'
    # After an interrupted deploy, and after its rollback, the last working release is the target.
    if [[ -z ${pending} && -z ${restored} && ${running% } == "${present}" ]]; then
        target=1
        ((${#releases[@]} > 1)) || fail 'there is nothing to roll back to: no earlier release is recorded'
    fi
    local goal=${digests[target]}
    step 'signature'
    verify_signature "${repository}@${goal}" ||
        fail "${goal} has no signature from a trusted signer; nothing was changed"
    restore "${target}" ||
        fail "the record ${releases[target]} cannot be read, or a Secret that it refers to does not exist; nothing was changed"
    start_deadline "${back_limit}"
    phase=switched
    retire_until "${target}" || fail 'the record of releases cannot be changed; the SpinApps are unchanged'
    step 'SpinApps'
    { apply "${needs}" && switch_over; } || {
        show_state
        fail 4 "${environment} was rolled back to ${goal}, which does not work either"
    }
    clear_pending || true
    finished "${goal}"
}

finished() {
    phase=nothing
    if "${dry_run}"; then
        "${rollback}" || say 'if the SpinApps do not become ready or a response is wrong, the previous release is restored'
        step 'nothing was changed: this was --dry-run'
    else
        remove_executors
        show_state
        step "${environment} runs $1"
    fi
}

# interrupted REASON
interrupted() {
    trap '' INT TERM USR1
    stop_child
    local again="scripts/deploy.sh ${environment} ${digest:---rollback}" back="scripts/deploy.sh ${environment} --rollback"
    case ${phase} in
    nothing) fail 130 "$1; no change is incomplete" ;;
    prepared)
        fail 130 "$1; the SpinApps are unchanged, but their prerequisites may have changed: run '${again}' to resume or '${back}' to roll back"
        ;;
    *) fail 130 "$1; the SpinApps may have changed: run '${again}' to resume or '${back}' to return to the last working release" ;;
    esac
}

leave() {
    stop_child
    release_lease
    rm -rf "${work}"
}

parse "$@"
work=$(mktemp -d)
trap leave EXIT
trap 'interrupted interrupted' INT TERM
trap 'interrupted "the Lease is lost: another deploy may be running"' USR1
check_prerequisites
copy_manifests
read_overlay
# smoke.sh validates the address: with a wrong one every deploy would be rolled back.
url=${BASE_URL:-https://${host}}
scripts/smoke.sh "${url}" --dry-run >/dev/null || fail 2 "invalid address: '${url}'; set BASE_URL"
if "${rollback}"; then roll_back; else deploy; fi
