# Record of releases: the manifests of each of the last three that worked. For deploy.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # Variables shared with deploy.sh, which is checked with this file.
#
# A release is a ConfigMap release-NNNNNN, written after the smoke tests, with the manifests compressed.
# Secrets are left out: their names have a hash and are recorded, and nothing deletes them. release-pending
# marks a release that has begun and has neither worked nor been undone.

readonly kept=3 largest=900000

# Sets the arrays of releases, newest first, `pending` and `running` (the versions of the SpinApps).
read_state() {
    releases=() versions=() digests=() orders=() pending='' running='' restored=''
    step 'current release'
    if ! reads_cluster; then
        say 'not read: --dry-run'
        return
    fi
    local listed name version digest order mark
    listed=$(in_namespace get configmaps --selector roster/record=release --output \
        'jsonpath={range .items[*]}{.metadata.name}|{.data.version}|{.data.digest}|{.data.order}|{.metadata.annotations.roster/restored}{"\n"}{end}') ||
        fail 'the record of releases cannot be read; nothing was changed'
    while IFS='|' read -r name version digest order mark; do
        [[ -n ${name} ]] || continue
        ((${#releases[@]} > 0)) || restored=${mark}
        releases+=("${name}") versions+=("${version}") digests+=("${digest}") orders+=("${order:-0}")
    done < <(sort --reverse <<<"${listed}")
    pending=$(in_namespace get configmap release-pending --ignore-not-found --output 'jsonpath={.data.version}') ||
        fail 'the record of releases cannot be read; nothing was changed'
    running=$(read_running) || fail 'the SpinApps cannot be read; nothing was changed'
    say "last working release: ${digests[0]:-none}${digests[1]:+, previous: ${digests[1]}}"
    [[ -z ${pending} ]] || warn 'a previous deploy was interrupted or has failed'
}

# Prints the versions of the SpinApps, each once, on one line.
read_running() {
    local listed
    listed=$(in_namespace get spinapps.core.spinkube.dev --selector app.kubernetes.io/component=api \
        --output 'jsonpath={range .items[*]}{.spec.deploymentAnnotations.roster/version}{"\n"}{end}') || return 1
    sort -u <<<"${listed}" | tr '\n' ' '
}

# Writes the record to a file before anything changes: a ConfigMap is limited to 1 MiB.
pack_release() {
    local packed number=0
    packed=$(recorded_manifests | gzip --best --no-name | base64 --wrap=0)
    ((${#packed} <= largest)) || fail 'the manifests are too large for a record of the release; nothing was changed'
    ((${#releases[@]} == 0)) || number=$((10#${releases[0]#release-}))
    printf -v recorded 'release-%06d' "$((number + 1))"
    cat >"${work}/record.yaml" <<YAML
apiVersion: v1
kind: ConfigMap
metadata:
  name: ${recorded}
  namespace: ${namespace}
  labels: {app.kubernetes.io/part-of: roster, roster/record: release}
immutable: true
data:
  version: "${version}"
  digest: "${digest}"
  order: "${RELEASE_ORDER:-0}"
  commit: "$(git rev-parse HEAD 2>/dev/null || echo unknown)"
  time: "$(date --utc +%Y-%m-%dT%H:%M:%SZ)"
  secrets: "$(names Secret | tr '\n' ' ')"
binaryData:
  manifests: ${packed}
YAML
}

# Prints all rendered objects except Secrets and migrations, which are never undone.
recorded_manifests() {
    awk '
        function put() { if (text != "" && keep) printf "%s---\n", text; text = ""; keep = 1 }
        BEGIN { keep = 1 }
        /^---$/ { put(); next }
        /^kind: Secret$/ || /^    app.kubernetes.io\/component: migrations$/ { keep = 0 }
        { text = text $0 "\n" }
        END { put() }
    ' "${rendered}"
}

mark_pending() {
    cat >"${work}/pending.yaml" <<YAML
apiVersion: v1
kind: ConfigMap
metadata:
  name: release-pending
  namespace: ${namespace}
  labels: {app.kubernetes.io/part-of: roster, roster/record: pending}
data:
  version: "${version}"
  digest: "${digest}"
YAML
    change apply --server-side --field-manager=roster-deploy --force-conflicts --filename "${work}/pending.yaml"
}

clear_pending() {
    change --namespace "${namespace}" delete configmap release-pending --ignore-not-found
}

# Writes the record and deletes those older than the last three.
record_release() {
    step 'record of the release'
    if [[ ${versions[0]:-} != "${version}" ]]; then
        change apply --server-side --field-manager=roster-deploy --filename "${work}/record.yaml" || return 1
        local old
        for old in "${releases[@]:kept - 1}"; do
            change --namespace "${namespace}" delete configmap "${old}" --ignore-not-found || true
        done
    fi
    clear_pending
}

# restore INDEX: uses the manifests of that release as the rendering.
restore() {
    local secret
    local -a secrets
    rendered=${work}/restored.yaml
    in_namespace get configmap "${releases[$1]}" --output 'jsonpath={.binaryData.manifests}' |
        base64 --decode | gzip --decompress >"${rendered}" || return 1
    version=${versions[$1]}
    mapfile -t apps < <(names SpinApp)
    ((${#apps[@]} > 0)) || return 1
    read -ra secrets < <(in_namespace get configmap "${releases[$1]}" --output 'jsonpath={.data.secrets}') || true
    for secret in "${secrets[@]}"; do
        in_namespace get secret "${secret}" --output name >/dev/null || return 1
    done
}

# Records the target before a rollback changes anything. If the rollback is interrupted, the same call returns
# to the same release instead of an older one.
retire_until() {
    local newer
    change --namespace "${namespace}" annotate configmap "${releases[$1]}" --overwrite roster/restored=true || return 1
    for newer in "${releases[@]:0:$1}"; do
        change --namespace "${namespace}" delete configmap "${newer}" --ignore-not-found || return 1
    done
}

# Deletes executors of other releases once no SpinApp refers to them. Their names have a hash.
remove_executors() {
    local used name
    used=" $(names SpinAppExecutor | tr '\n' ' ') "
    used+=$(in_namespace get spinapps.core.spinkube.dev --output 'jsonpath={.items[*].spec.executor} ') || return 0
    while read -r name; do
        [[ -z ${name} || ${used} == *" ${name} "* ]] ||
            change --namespace "${namespace}" delete spinappexecutors.core.spinkube.dev "${name}" \
                --ignore-not-found --wait=false || true
    done < <(in_namespace get spinappexecutors.core.spinkube.dev --selector app.kubernetes.io/part-of=roster \
        --output 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}')
}
