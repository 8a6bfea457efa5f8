# Manifests of an environment, rendered with a digest, and the values read from them. For deploy.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # Variables shared with deploy.sh, which is checked with this file.

# Copies kustomize's input, so that no tracked file is written and nothing changes during a deploy.
copy_manifests() {
    mkdir "${work}/k8s"
    cp -R k8s/base k8s/components k8s/overlays "${work}/k8s/"
    cp -R migrations "${work}/"
}

# values KIND PATTERN: prints the last word of each matching line in objects of that kind. kustomize writes
# one form: sorted keys, two spaces per level; the text of a block never starts at the margin.
values() {
    awk -v kind="$1" -v pattern="$2" '
        /^---$/ { current = "" }
        /^kind: / { current = $2 }
        current == kind && $0 ~ pattern { print $NF }
    ' "${rendered}"
}

# names KIND
names() {
    values "$1" '^  name: '
}

# Renders the overlay unchanged and reads the values that the other steps need.
read_overlay() {
    kubectl kustomize "${work}/k8s/overlays/${environment}" >"${work}/overlay.yaml" ||
        fail "k8s/overlays/${environment} does not render"
    rendered=${work}/overlay.yaml
    namespace=$(values SpinApp '^  namespace: ' | sort -u)
    repository=$(values SpinApp '^  image: ' | sed 's/@.*//' | sort -u)
    job=$(names Job)
    mapfile -t apps < <(names SpinApp)
    host=$(values Gateway '^ +(- )?hostname: ' | sort -u)
    # With components/ingress there is no Gateway.
    host=${host:-$(values Ingress '^ +(- )?host: ' | sort -u)}
    local found
    for found in "${namespace}" "${repository}" "${job}"; do
        [[ ${found} =~ ^[^[:space:]]+$ ]] ||
            fail "k8s/overlays/${environment}: expected one namespace, one artifact and one Job, got '${found}'"
    done
}

# render DIGEST: renders the overlay with this digest.
render() {
    # The operator copies this to its Deployment, not to the pods. It shows that the operator has processed
    # the applied object, which a SpinApp's status does not.
    version=$(printf '%s' "$1" | cat - "${work}/overlay.yaml" | sha256sum | cut -c 1-16)
    mkdir -p "${work}/k8s/deploy"
    cat >"${work}/k8s/deploy/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../overlays/${environment}]
images:
  - name: ${repository}
    digest: $1
patches:
  - target: {kind: SpinApp}
    patch: |-
      apiVersion: core.spinkube.dev/v1alpha1
      kind: SpinApp
      metadata:
        name: every
      spec:
        deploymentAnnotations: {roster/version: "${version}"}
  - target: {kind: Job, name: ${job}}
    patch: |-
      apiVersion: batch/v1
      kind: Job
      metadata:
        name: every
      spec:
        activeDeadlineSeconds: $((migration_limit - 20))
YAML
    kubectl kustomize "${work}/k8s/deploy" >"${work}/plain.yaml" || fail 'the manifests do not render'
    rendered=${work}/rendered.yaml
    name_executors
    local images
    images=$(values SpinApp '^  image: ' | sort -u)
    [[ ${images} == "${repository}@$1" ]] || fail "the SpinApps would get ${images}, not ${repository}@$1"
}

# Adds the hash of its content to each SpinAppExecutor's name, and uses the new name in the SpinApps: a
# changed spinImage is another executor, so it reaches the pods with the SpinApps, after the migrations.
name_executors() {
    local name hash
    cp "${work}/plain.yaml" "${rendered}"
    while read -r name; do
        hash=$(awk -v name="${name}" '
            function put() { if (text ~ /\nkind: SpinAppExecutor\n/ && text ~ "\n  name: " name "\n") printf "%s", text; text = "" }
            /^---$/ { put(); next }
            { text = text "\n" $0 }
            END { text = text "\n"; put() }
        ' "${work}/plain.yaml" | sha256sum | cut -c 1-8)
        awk -v name="${name}" -v hash="${hash}" '
            /^---$/ { kind = "" }
            /^kind: / { kind = $2 }
            (kind == "SpinAppExecutor" && $0 == "  name: " name) || (kind == "SpinApp" && $0 == "  executor: " name) {
                $0 = $0 "-" hash
            }
            { print }
        ' "${rendered}" >"${work}/named.yaml"
        mv "${work}/named.yaml" "${rendered}"
    done < <(names SpinAppExecutor)
}

# Rejects a digest of zeros: it is a placeholder, and its pods would not start. Names the image and its file.
refuse_placeholders() {
    local image message
    local -a files
    while read -r image; do
        mapfile -t files < <(grep -rlF "${image}" k8s/base k8s/components "k8s/overlays/${environment}")
        message="the digest of ${image%@*} is a placeholder: set it in ${files[*]:-k8s/}"
        if "${dry_run}"; then warn "${message}"; else fail "${message}"; fi
    done < <(grep -o "[^ ]*@${zeros}" "${rendered}" | sort -u)
}
