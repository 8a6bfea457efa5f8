# Provenance of the artifact as an in-toto statement (SLSA provenance v1). For build.sh.
# shellcheck shell=bash disable=SC2154 # build.sh sets what is not set here, and is checked with this file.

# Prints the repository as a URL without a login: remotes on build machines contain tokens.
source_url() {
    local remote
    remote=$(git remote get-url origin 2>/dev/null) || return 0
    remote=${remote%.git}
    if [[ ${remote} =~ ^[a-z+]+://([^/@]*@)?([^/:]+)(:[0-9]+)?/(.+)$ ]]; then
        printf 'https://%s/%s\n' "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]}"
    elif [[ ${remote} =~ ^([^/@]*@)?([^/:]+):(.+)$ ]]; then
        printf 'https://%s/%s\n' "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}"
    fi
}

quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# described NAME_OR_URI KEY ALGORITHM VALUE: prints one artifact, named by that key.
described() {
    printf '{"%s": %s, "digest": {"%s": "%s"}}' "$2" "$(quoted "$1")" "$3" "$4"
}

sha256_of() {
    sha256sum "$1" | cut -d ' ' -f 1
}

# Prints every component under its file name. Each line of wasm.sha256 has a sum and a path.
components_described() {
    local sum file comma=''
    while read -r sum file; do
        printf '%s' "${comma}" && described "${file##*/}" name sha256 "${sum}"
        comma=', '
    done <"${reports}/wasm.sha256"
}

predicate() {
    cat <<JSON
{
  "buildDefinition": {
    "buildType": $(quoted "${source}#scripts/build.sh"),
    "externalParameters": {"source": $(quoted "git+${source}@${commit}"), "version": "${version}"},
    "internalParameters": {"SOURCE_DATE_EPOCH": "${SOURCE_DATE_EPOCH}"},
    "resolvedDependencies": [
      $(described "git+${source}@${commit}" uri gitCommit "${commit}"),
      $(described Cargo.lock name sha256 "$(sha256_of Cargo.lock)"),
      $(described rust-toolchain.toml name sha256 "$(sha256_of rust-toolchain.toml)")
    ]
  },
  "runDetails": {
    "builder": {"id": $(quoted "${builder}")},
    "byproducts": [
      $(described sbom.cdx.json name sha256 "$(sha256_of "${reports}/sbom.cdx.json")"),
      $(components_described)
    ]
  }
}
JSON
}

# statement DIGEST: describes the artifact, or its components if the digest is empty.
statement() {
    local subjects
    if [[ -n $1 ]]; then
        subjects=$(described "${REGISTRY}" name sha256 "${1#sha256:}")
    else
        subjects=$(components_described)
    fi
    cat <<JSON
{
"_type": "https://in-toto.io/Statement/v1",
"subject": [${subjects}],
"predicateType": "https://slsa.dev/provenance/v1",
"predicate": $(predicate)
}
JSON
}
