# Lease that prevents concurrent deploys to one environment. For deploy.sh.
# shellcheck shell=bash disable=SC2154 # deploy.sh sets what is not set here, and is checked with this file.
#
# Every write names the resourceVersion that was read, so that one of two concurrent writers is rejected. A
# killed holder stops renewing; its Lease counts as expired once it is unchanged for lease_seconds by the
# waiting process's clock, so clocks need not agree.

readonly lease=roster-deploy lease_seconds=60 lease_renewal=20 lease_patience=180

lease_holder=${BUILD_TAG:-${GITHUB_RUN_ID:+actions-${GITHUB_RUN_ID}}}
lease_holder=${lease_holder:-${USER:-deploy}}-$$-${RANDOM}${RANDOM}
lease_is_held=false renewer=''

# lease_object RESOURCE_VERSION HOLDER: both may be empty.
lease_object() {
    local time version='' holder='' seconds=1
    time=$(date --utc +%Y-%m-%dT%H:%M:%S.000000Z)
    [[ -z $1 ]] || version=", \"resourceVersion\": \"$1\""
    [[ -z $2 ]] || holder="\"holderIdentity\": \"$2\", " seconds=${lease_seconds}
    cat <<JSON
{
  "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
  "metadata": {"name": "${lease}", "namespace": "${namespace}"${version}},
  "spec": {${holder}"leaseDurationSeconds": ${seconds}, "renewTime": "${time}"}
}
JSON
}

# put_lease RESOURCE_VERSION HOLDER: prints the new resourceVersion.
put_lease() {
    local verb=replace
    [[ -n $1 ]] || verb=create
    lease_object "$1" "$2" |
        kubectl --request-timeout=10s --namespace "${namespace}" "${verb}" --filename - \
            --output 'jsonpath={.metadata.resourceVersion}'
}

# Prints resourceVersion and holder; nothing if there is no Lease.
read_lease() {
    in_namespace get leases.coordination.k8s.io "${lease}" --ignore-not-found \
        --output 'jsonpath={.metadata.resourceVersion} {.spec.holderIdentity}'
}

# Waits up to lease_patience for another holder, then fails. Nothing is read or changed before.
take_lease() {
    step "lock of ${environment}: Lease ${lease}"
    if "${dry_run}"; then
        say 'not acquired: --dry-run'
        return
    fi
    local until found version holder seen='' since=0
    until=$(($(now) + lease_patience))
    while true; do
        found=$(read_lease) || fail 'the Lease cannot be read; nothing was changed'
        read -r version holder <<<"${found}" || true
        if [[ "${version} ${holder}" != "${seen}" ]]; then
            seen="${version} ${holder}" since=$(now)
            [[ -z ${holder} || ${holder} == "${lease_holder}" ]] || say "held by ${holder}"
        fi
        if [[ -z ${holder} || ${holder} == "${lease_holder}" ]] || (($(now) - since >= lease_seconds)); then
            # A rejection means another writer, a connection error is unclear: both are read again.
            if put_lease "${version}" "${lease_holder}" >/dev/null; then
                break
            fi
        fi
        (($(now) < until)) ||
            fail "${holder:-another process} is deploying to ${environment}; nothing was changed: try again later"
        stoppable sleep 5
    done
    lease_is_held=true
    set -m
    renew_lease </dev/null >/dev/null 2>&1 &
    renewer=$!
    set +m
}

# Runs beside the deploy and signals it when the Lease is lost. Ends with it, even if it was killed.
renew_lease() {
    local renewed found version holder
    trap - EXIT INT TERM USR1
    renewed=$(now)
    while sleep "${lease_renewal}" && kill -0 $$; do
        if found=$(read_lease); then
            read -r version holder <<<"${found}" || true
            [[ ${holder} == "${lease_holder}" ]] || break
            if put_lease "${version}" "${lease_holder}"; then
                renewed=$(now)
                continue
            fi
        fi
        (($(now) - renewed < lease_seconds - lease_renewal)) || break
    done
    kill -USR1 $$
}

release_lease() {
    "${lease_is_held}" || return 0
    lease_is_held=false
    kill -KILL -- "-${renewer}" 2>/dev/null || true
    wait "${renewer}" 2>/dev/null || true
    local found version holder
    found=$(read_lease) || found=''
    read -r version holder <<<"${found}" || true
    if [[ ${holder} == "${lease_holder}" ]]; then
        put_lease "${version}" '' >/dev/null || warn "the Lease ${lease} is not released; it expires in ${lease_seconds} s"
    fi
}
