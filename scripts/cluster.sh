# Cluster operations of deploy.sh. Secrets are read by name only.
# shellcheck shell=bash disable=SC2034,SC2154 # Variables shared with deploy.sh, which is checked with this file.

readonly needs='app.kubernetes.io/component notin (migrations, api)' api='app.kubernetes.io/component=api'

say_where() {
    say "namespace ${namespace}, context ${KUBE_CONTEXT:-$(kubectl config current-context 2>/dev/null || echo none)}"
}

# apply SELECTOR [OPTION]: applies the rendered objects with these labels. Server-side, so that fields removed
# from the manifests are deleted and fields of controllers stay; if both write a field, the manifests win.
apply() {
    change apply --server-side --field-manager=roster-deploy --force-conflicts \
        --filename "${rendered}" --selector "$@"
}

# Compares the rendered kinds with those that the cluster serves, to report a missing operator before any
# change.
check_kinds() {
    ! "${dry_run}" || return 0
    step 'kinds that the cluster serves'
    local served missing
    served=$(steady api-resources --no-headers) || fail 'the kinds that the cluster serves cannot be listed; nothing was changed'
    missing=$(awk '
        NR == FNR { served[$(NF - 2) " " $NF] = 1; next }
        /^apiVersion: / { version = $2 }
        /^kind: / && !((version " " $2) in served) && !told[version $2]++ { printf "%s of %s; ", $2, version }
    ' <(printf '%s\n' "${served}") "${rendered}")
    [[ -z ${missing} ]] ||
        fail "the cluster does not serve ${missing%; }; nothing was changed: install the missing operator (see k8s/README.md)"
}

# Creates the namespace first, because the Lease is in it.
require_namespace() {
    ! "${dry_run}" || return 0
    local found
    found=$(steady get namespace "${namespace}" --ignore-not-found --output name) ||
        fail "the namespace ${namespace} cannot be read; nothing was changed"
    [[ -z ${found} ]] || return 0
    ! "${rollback}" || fail "namespace ${namespace} does not exist; there is nothing to roll back"
    awk '/^---$/ { if (it) exit; text = ""; next } { text = text $0 "\n" } /^kind: Namespace$/ { it = 1 } END { if (it) printf "%s", text }' \
        "${rendered}" >"${work}/namespace.yaml"
    [[ -s ${work}/namespace.yaml ]] || fail "namespace ${namespace} does not exist; nothing was changed"
    change apply --server-side --field-manager=roster-deploy --force-conflicts --filename "${work}/namespace.yaml" ||
        fail "namespace ${namespace} does not exist and cannot be created: an administrator must create it"
}

# If the address does not resolve, every smoke test fails and a good release would be rolled back.
check_address() {
    ! "${dry_run}" || return 0
    local status=0
    stoppable curl --silent --head --max-time 10 --output /dev/null "${url}" || status=$?
    ((status == 6)) || return 0
    ((${#releases[@]} == 0)) || fail "${url} does not resolve, so every smoke test would fail; nothing was changed"
    warn "${url} does not resolve yet: the smoke tests of the first deploy need it"
}

# Requires the Secret that no deploy creates. In staging and prod the External Secrets Operator does.
require_secret() {
    step 'the Secret roster-secrets'
    if [[ -n $(names ExternalSecret) ]]; then
        say 'waits up to 5 minutes for externalsecret/roster-secrets'
        if ! "${dry_run}" && ! poll "${store_limit}" external_secret_is_ready; then
            reason='the External Secrets Operator has not created roster-secrets: check the secret store for missing entries'
            return 1
        fi
    fi
    # Reads the name only.
    if ! change --namespace "${namespace}" get secret roster-secrets --output name; then
        reason="Secret roster-secrets does not exist in ${namespace}: create it (see k8s/README.md)"
        return 1
    fi
}

# Deletes the old Job first, because a Job is immutable. Running it again changes nothing: applied migrations
# are only compared.
migrate() {
    if ! change --request-timeout=90s --namespace "${namespace}" delete job "${job}" --ignore-not-found --timeout=1m; then
        reason="the old Job ${job} was not deleted"
        return 1
    fi
    if ! apply app.kubernetes.io/component=migrations; then
        reason="the Job ${job} was not applied"
        return 1
    fi
    say "waits up to $((migration_limit / 60)) minutes for ${job}"
    if ! "${dry_run}" && ! poll "${migration_limit}" job_is_over; then
        show_log
        reason='the migrations have failed'
        return 1
    fi
}

# The Job's script prints no secret; a server message that quotes one is masked anyway.
show_log() {
    kubectl --namespace "${namespace}" logs --selector "job-name=${job}" --tail=50 --prefix 2>&1 |
        sed -E 's#(://[^:/@ ]*):[^@ ]*@#\1:***@#g; s/((password|secret|token|key)["'\'']?[ ]*[=:][ ]*)[^ ,;]+/\1***/Ig' >&2 || true
}

# Shows ready counts, pods, services and routes, after a successful deploy as after a failed one.
show_state() {
    ! "${dry_run}" || return 0
    step 'current state'
    local route=httproutes.gateway.networking.k8s.io
    [[ -z $(names Ingress) ]] || route=ingresses.networking.k8s.io
    kubectl --request-timeout=30s --namespace "${namespace}" get "deployments,pods,services,${route}" >&2 || true
}
