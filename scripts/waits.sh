# Waits of a deploy, each with a limit, and all before one deadline. For deploy.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # Variables shared with deploy.sh, which is checked with this file.

# Seconds. Deploy and rollback each have one deadline. With both, and smoke.sh twice, a deploy ends within the
# limit of the pipelines' jobs, as a test computes.
readonly forward_limit=1800 back_limit=600 store_limit=300 rollout_limit=600 poll_pause=5
migration_limit=300
deadline=0

start_deadline() {
    deadline=$(($(now) + $1))
}

# poll SECONDS FUNCTION...: repeats until the function returns 0 (done) or 2 (failed), or the time has
# elapsed.
poll() {
    local until status
    until=$(($(now) + $1))
    ((until < deadline)) || until=${deadline}
    shift
    while true; do
        status=0
        "$@" || status=$?
        case ${status} in
        0) return 0 ;;
        2) return 1 ;;
        *) ;;
        esac
        (($(now) < until)) || return 1
        stoppable sleep "${poll_pause}"
    done
}

# Runs one check that a signal can stop; `poll` repeats failures. Output goes to a file, since a substitution
# would run in the foreground.
ask() {
    stoppable into_file kubectl --request-timeout=20s --namespace "${namespace}" "$@"
}

# Redirects within the child: a trap that runs meanwhile writes its own message.
into_file() {
    "$@" >"${work}/asked" 2>/dev/null
}

# all_ready NAME...: succeeds if Deployments and StatefulSets of these names have finished their rollout. One
# call for all, so none waits for another. `waiting` lists the unfinished ones.
all_ready() {
    local kind name found generation observed wanted total updated available ready=' '
    ask get deployments.apps,statefulsets.apps --output \
        'jsonpath={range .items[*]}{.kind}|{.metadata.name}|{.metadata.annotations.roster/version}|{.metadata.generation}|{.status.observedGeneration}|{.spec.replicas}|{.status.replicas}|{.status.updatedReplicas}|{.status.availableReplicas}{"\n"}{end}' || return 1
    while IFS='|' read -r kind name found generation observed wanted total updated available; do
        # The operator creates a Deployment with the SpinApp's name, and takes a moment to see a change.
        [[ " ${apps[*]} " != *" ${name} "* || ${found} == "${version}" ]] || continue
        # A StatefulSet has no updatedReplicas until a pod of the current revision exists.
        if [[ -n ${kind} && ${generation:-1} == "${observed:-0}" ]] &&
            ((${updated:-0} == ${wanted:-1} && ${total:-0} == ${wanted:-1} && ${available:-0} >= ${wanted:-1})); then
            ready+="${name} "
        fi
    done <"${work}/asked"
    waiting=''
    for name in "$@"; do
        [[ ${ready} == *" ${name} "* ]] || waiting+="${name} "
    done
    [[ -z ${waiting} ]]
}

# wait_ready SECONDS NAME...
wait_ready() {
    (($# > 1)) || return 0
    say "waits up to $(($1 / 60)) minutes for ${*:2}"
    ! "${dry_run}" || return 0
    poll "$1" all_ready "${@:2}" || {
        warn "not ready: ${waiting}"
        return 1
    }
}

job_is_over() {
    ask get job "${job}" --output 'jsonpath={.status.conditions[?(@.status=="True")].type}' || return 1
    case " $(<"${work}/asked") " in
    *' Complete '*) return 0 ;;
    *' Failed '*) return 2 ;;
    *) return 1 ;;
    esac
}

external_secret_is_ready() {
    ask get externalsecrets.external-secrets.io roster-secrets \
        --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' || return 1
    [[ $(<"${work}/asked") == True ]]
}
