# What deploy.sh does to the cluster and reads from it. Secrets are asked for by name only.
# shellcheck shell=bash disable=SC2154 # deploy.sh sets what is not set here, and is checked with this file.

# How often and how far apart: five minutes.
readonly polls=60 pause=5

kubectl() {
    command kubectl ${KUBE_CONTEXT:+--context "${KUBE_CONTEXT}"} "$@"
}

say_where() {
    say "namespace ${namespace}, context ${KUBE_CONTEXT:-$(kubectl config current-context 2>/dev/null || echo none)}"
}

# apply SELECTOR: the objects of the rendering with these labels. Server-side, so that a field which the
# manifests no longer have goes, and what controllers write stays; when both write a field, the
# manifests win.
apply() {
    run kubectl apply --server-side --field-manager=roster-deploy --force-conflicts \
        --filename "${rendered}" --selector "$1"
}

# Polls until the function says yes (0) or no for good (2).
poll() {
    local left status
    for ((left = polls; left > 0; left--)); do
        status=0
        "$@" || status=$?
        case ${status} in
        0) return 0 ;;
        2) return 1 ;;
        *) sleep "${pause}" ;;
        esac
    done
    return 1
}

# What the SpinApps run (`before`) and what they ran before that (`before_that`); empty when there is
# none. A deploy that was interrupted leaves some of them with the new digest, $1 if it is repeated.
read_running() {
    before='' before_that=''
    step 'what runs now'
    if ! reads_cluster; then
        say 'is not asked: --dry-run'
        return
    fi
    local listed
    listed=$(kubectl --namespace "${namespace}" get spinapps.core.spinkube.dev \
        --selector app.kubernetes.io/component=api --output \
        'jsonpath={range .items[*]}{.metadata.name} {.spec.image} {.metadata.annotations.roster/previous-digest}{"\n"}{end}') ||
        fail 'the SpinApps cannot be listed; is the Spin operator installed?'
    local name image previous
    local -A images=() remembered=()
    while read -r name image previous; do
        # An app that the overlay no longer has is not deployed, and does not count.
        [[ " ${apps[*]} " == *" ${name} "* && ${image#*@} =~ ${digest_pattern} ]] || continue
        images[${image#*@}]=1
        [[ -z ${previous} ]] || remembered[${previous}]=1
    done <<<"${listed}"
    settle "$1"
    say "${before:-nothing}${before_that:+, before that ${before_that}}"
}

# Chooses among what read_running has found.
settle() {
    local found
    local -a others=()
    if ((${#images[@]} <= 1)); then
        before=${!images[*]}
        ((${#remembered[@]} != 1)) || before_that=${!remembered[*]}
        return
    fi
    warn "the SpinApps run several digests: ${!images[*]}"
    # What was replaced is what one of them remembers and another one still runs.
    for found in "${!remembered[@]}"; do
        [[ -z ${images[${found}]:-} || ${found} == "$1" ]] || others+=("${found}")
    done
    if ((${#others[@]} == 1)); then
        if [[ -n $1 ]]; then before=${others[0]}; else before_that=${others[0]}; fi
    fi
}

# The Secret that no deploy makes. In staging and prod the External Secrets Operator does.
require_secret() {
    step 'the Secret roster-secrets'
    if [[ -n $(names ExternalSecret) ]]; then
        run kubectl --namespace "${namespace}" wait externalsecrets.external-secrets.io/roster-secrets \
            --for=condition=Ready --timeout=5m ||
            fail 'the External Secrets Operator has not made roster-secrets: is everything in the store?'
    fi
    # Its name is all that is asked for.
    run kubectl --namespace "${namespace}" get secret roster-secrets --output name ||
        fail "there is no Secret roster-secrets in ${namespace}: k8s/README.md says how to make it"
}

# Postgres and Redis of dev, PgBouncer of the others.
wait_for_workloads() {
    local kind name
    for kind in StatefulSet Deployment; do
        for name in $(names "${kind}"); do
            step "${kind} ${name}"
            run kubectl --namespace "${namespace}" rollout status "${kind,,}/${name}" --timeout=5m ||
                fail "${name} is not ready; the migrations have not run, and the SpinApps are as they were"
        done
    done
}

# A Job cannot be changed, so the old one goes first. To run it again is no change: what is applied is
# only compared.
migrate() {
    local untouched='the SpinApps are as they were'
    run kubectl --namespace "${namespace}" delete job "${job}" --ignore-not-found --timeout=1m ||
        fail "the old Job ${job} does not go away; ${untouched}"
    apply app.kubernetes.io/component=migrations || fail "the Job ${job} was not applied; ${untouched}"
    say "waits up to 5 minutes for ${job}"
    if ! "${dry_run}" && ! poll job_is_over; then
        show_log
        fail "the migrations have failed; ${untouched}"
    fi
}

job_is_over() {
    local conditions
    conditions=$(kubectl --namespace "${namespace}" get job "${job}" \
        --output 'jsonpath={.status.conditions[?(@.status=="True")].type}') || return 1
    case " ${conditions} " in
    *' Complete '*) return 0 ;;
    *' Failed '*) return 2 ;;
    *) return 1 ;;
    esac
}

# The script in the Job prints no secret; a server's message that quotes one is masked all the same.
show_log() {
    kubectl --namespace "${namespace}" logs --selector "job-name=${job}" --tail=50 --prefix 2>&1 |
        sed -E 's#(://[^:/@ ]*):[^@ ]*@#\1:***@#g; s/((password|secret|token|key)["'\'']?[ ]*[=:][ ]*)[^ ,;]+/\1***/Ig' >&2 || true
}

# The operator makes a Deployment with the SpinApp's name, and takes a moment to see a change.
wait_for_apps() {
    local app
    for app in "${apps[@]}"; do
        say "waits up to 5 minutes for the operator to take over ${app}"
        if ! "${dry_run}" && ! poll deployment_is_current "${app}"; then
            warn "the operator has not brought ${app} up to date"
            return 1
        fi
        run kubectl --namespace "${namespace}" rollout status "deployment/${app}" --timeout=5m || return 1
    done
}

deployment_is_current() {
    local found
    found=$(kubectl --namespace "${namespace}" get deployment "$1" \
        --output 'jsonpath={.metadata.annotations.roster/version}' 2>/dev/null) || return 1
    [[ ${found} == "${version}" ]]
}

show_pods() {
    kubectl --namespace "${namespace}" get pods --selector app.kubernetes.io/component=api >&2 || true
}
