#!/usr/bin/env bash
# Builds the components, or publishes components that were built elsewhere as a signed artifact.
#
# scripts/build.sh build VERSION [--dry-run]
# scripts/build.sh publish VERSION REBUILT [--dry-run]
#
# VERSION is a semantic version: 1.2.3 or 1.2.3-rc.1. Not v1.2.3, which is the name of a git tag; not
# 1.2.3+4, since registry tags have no plus; not latest, which is no version.
#
# `build` compiles, which runs third-party code (build scripts, macros). Run it in a job without secrets
# and without an identity. It writes to target/reports:
#   sbom.cdx.json          the bill of materials of the components (CycloneDX)
#   roster-admin.cdx.json  the bill of materials of roster-admin
#   wasm.sha256            the components' hashes
#   provenance.json        the commit and the builder (in-toto statement, SLSA provenance v1)
#
# `publish` compiles nothing and runs no cargo. It reads target/reports and the components of one build,
# and REBUILT, the wasm.sha256 of a second build of the same commit on another machine. If all hashes
# agree, it pushes, signs the digest, attaches bill of materials and provenance, verifies the signature,
# signs target/release/roster-admin if it was built, and prints the digest, the only output on stdout. It
# requires a clean tree. Afterwards target/reports/digest has the digest, provenance.json describes the
# artifact, and target/release/roster-admin.sigstore.json has the program's signature.
#
# --dry-run shows every step and runs none.
#
# Environment, for publish:
#   REGISTRY                        target repository, as registry.example.com/roster/api
#   BUILDER_ID                      URI of the builder, for the provenance
#   COSIGN_KEY, COSIGN_KEY_PUB      references to the key and its public half (Jenkins), or
#   COSIGN_IDENTITY, COSIGN_ISSUER  expected identity and issuer of a keyless signature (Actions)
# spin and cosign must be logged in to the registry.
set -euo pipefail
cd "$(dirname "$0")/.."
# Progress goes to stderr; descriptor 3 is for the digest.
exec 3>&1 >&2
# shellcheck source=scripts/terminal.sh
source scripts/terminal.sh
# shellcheck source=scripts/signature.sh
source scripts/signature.sh
# shellcheck source=scripts/provenance.sh
source scripts/provenance.sh

readonly reports=target/reports admin=target/release/roster-admin

parse() {
    local argument number='(0|[1-9][0-9]*)' label='[0-9A-Za-z-]+'
    local -a words=()
    for argument in "$@"; do
        case ${argument} in
        --help)
            help_text >&3
            exit
            ;;
        --dry-run) dry_run=true ;;
        -*) misused "unknown option: ${argument}" ;;
        *) words+=("${argument}") ;;
        esac
    done
    task=${words[0]:-} version=${words[1]:-} rebuilt=${words[2]:-}
    [[ ${task} =~ ^(build|publish)$ ]] || misused "expected build or publish, got '${task}'"
    ((${#words[@]} <= 3)) || misused "unexpected argument: '${words[3]}'"
    [[ ${version} =~ ^${number}\.${number}\.${number}(-${label}(\.${label})*)?$ ]] ||
        misused "VERSION must be like 1.2.3 or 1.2.3-rc.1, got '${version}'"
    if [[ ${task} == publish ]]; then
        [[ -n ${rebuilt} ]] || misused 'publish requires the wasm.sha256 of a second build'
    else
        [[ -z ${rebuilt} ]] || misused "unexpected argument: '${rebuilt}'"
    fi
}

check_prerequisites() {
    local program
    local -a missing=()
    for program in git sha256sum; do
        has "${program}" || missing+=("${program}")
    done
    if [[ ${task} == publish ]]; then
        check_publishing
    else
        has cargo || missing+=(cargo)
    fi
    require "${missing[@]}"
}

# Appends to `missing` of check_prerequisites.
check_publishing() {
    local verifier
    if ! has spin || ! spin_is_new_enough; then missing+=('spin 4.1.0 or later'); fi
    has cosign || missing+=('cosign')
    [[ ${REGISTRY:-} =~ ^[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$ ]] ||
        missing+=('REGISTRY (as registry.example.com/roster/api, without a tag)')
    [[ ${BUILDER_ID:-} =~ ^[a-z]+:[^[:space:][:cntrl:]]+$ ]] || missing+=('BUILDER_ID (a URI)')
    [[ -n ${source} ]] || missing+=('the remote origin of git (it is part of the provenance)')
    is_key_reference "${COSIGN_KEY:-}" || missing+=('COSIGN_KEY as a reference to a key (its value is not a reference)')
    if [[ -n ${COSIGN_KEY:-} && -z ${COSIGN_KEY_PUB:-} ]]; then
        missing+=('COSIGN_KEY_PUB (the public half of COSIGN_KEY)')
    elif [[ -z ${COSIGN_KEY:-} && -n ${COSIGN_KEY_PUB:-} ]]; then
        missing+=('COSIGN_KEY (COSIGN_KEY_PUB is set)')
    else
        verifier=$(missing_verifier)
        [[ -z ${verifier} ]] || missing+=("${verifier}")
    fi
}

# Earlier versions cannot load WASI 0.3.0 components. `spin --version` prints "spin 4.1.0 (<commit> <date>)".
spin_is_new_enough() {
    local found
    found=$(spin --version | sed -n 's/^spin \([0-9][0-9.]*\).*/\1/p')
    printf '%s\n' 4.1.0 "${found:-0}" | sort --version-sort --check=quiet
}

# The artifact must match the commit, or the provenance would be false.
refuse_changes() {
    [[ -n $(git status --porcelain) ]] || return 0
    local message='the working tree has uncommitted changes'
    if "${dry_run}"; then warn "${message}"; else fail "${message}: nothing was pushed"; fi
}

# Sets `files` to the components of spin.toml.
components() {
    mapfile -t files < <(sed -n 's/^source = "\(.*\.wasm\)"$/\1/p' spin.toml)
    ((${#files[@]} > 0)) || fail 'spin.toml has no components'
}

build() {
    step "version ${version} of ${commit}"
    run cargo xtask build
    run cargo xtask sbom
    ! "${dry_run}" || return 0
    components
    mkdir -p "${reports}"
    sha256sum "${files[@]}" >"${reports}/wasm.sha256" || fail 'a component was not built'
    statement '' >"${reports}/provenance.json"
    say "${reports} has wasm.sha256, sbom.cdx.json and provenance.json"
    say_size
}

# One line for the pipeline's log: size and commit.
say_size() {
    local bytes
    bytes=$(cat "${files[@]}" | wc -c)
    step "artifact: $((bytes / 1024)) KiB in ${#files[@]} components, version ${version}, commit $(git log -1 --format='%h %s')"
}

# Requires two builds with the same result, by machines independent of each other.
compare() {
    step 'hashes of both builds'
    if "${dry_run}"; then
        say "compares ${reports}/wasm.sha256 with ${rebuilt}"
        return
    fi
    components
    [[ -s ${reports}/wasm.sha256 && -s ${reports}/sbom.cdx.json ]] ||
        fail "${reports} has no wasm.sha256 and sbom.cdx.json: build first"
    [[ -s ${admin} ]] || say "${admin} does not exist: only the artifact is signed"
    [[ -s ${rebuilt} ]] || fail "${rebuilt} does not exist, so no second build confirms the first; nothing was pushed"
    [[ ! ${reports}/wasm.sha256 -ef ${rebuilt} ]] ||
        fail "${rebuilt} is of the same build, not of a second one; nothing was pushed"
    local found
    found=$(sha256sum "${files[@]}") || fail 'a component is missing; nothing was pushed'
    [[ ${found} == "$(<"${reports}/wasm.sha256")" ]] ||
        fail 'the components do not match wasm.sha256; nothing was pushed'
    [[ ${found} == "$(<"${rebuilt}")" ]] ||
        fail "the second build has other hashes (${rebuilt}); nothing was pushed"
    say_size
}

# Sets `digest` from spin's output. The labels are annotations of the artifact's manifest; spin adds the title
# and the description of spin.toml.
push() {
    step "push to ${REGISTRY:-\$REGISTRY}:${version}"
    local created label output
    created=$(date --utc --date="@${SOURCE_DATE_EPOCH}" +%Y-%m-%dT%H:%M:%SZ)
    # Prevents a build by spin, which the environment could enable: its output would not be the hashed files.
    local -a command=(env SPIN_ALWAYS_BUILD=false spin registry push --from spin.toml)
    for label in "source=${source}" "revision=${commit}" "version=${version}" "created=${created}" \
        title=roster licenses=Apache-2.0; do
        command+=(--annotation "org.opencontainers.image.${label}")
    done
    command+=("${REGISTRY:-\$REGISTRY}:${version}")
    shown "${command[@]}"
    digest='<the digest that spin prints>'
    ! "${dry_run}" || return 0
    output=$("${command[@]}") || fail 'the push failed'
    digest=$(sed -n 's/^Pushed with digest \(sha256:[0-9a-f]*\)$/\1/p' <<<"${output}")
    [[ ${digest} =~ ${digest_pattern} ]] || fail 'pushed, but the registry returned no digest; nothing was signed'
    say "${digest}"
}

# Signs by digest: a tag may already point to another artifact.
sign() {
    local artifact="${REGISTRY:-\$REGISTRY}@${digest}" predicate=${work}/predicate.json
    local -a key=()
    [[ -z ${COSIGN_KEY:-} ]] || key=(--key "${COSIGN_KEY}")
    if ! "${dry_run}"; then
        statement "${digest}" >"${reports}/provenance.json"
        predicate >"${predicate}"
    fi
    step 'sign and attest'
    run cosign sign --yes "${key[@]}" "${artifact}" || fail "${digest} is pushed, but not signed"
    run cosign attest --yes "${key[@]}" --type cyclonedx --predicate "${reports}/sbom.cdx.json" "${artifact}" ||
        fail "${digest} is signed, but has no bill of materials"
    run cosign attest --yes "${key[@]}" --type slsaprovenance1 --predicate "${predicate}" "${artifact}" ||
        fail "${digest} is signed, but has no provenance"
    verify_signature "${artifact}" || fail "the signature of ${digest} does not verify; deployments will reject it"
    "${dry_run}" || [[ -s ${admin} ]] || return 0
    run cosign sign-blob --yes "${key[@]}" --bundle "${admin}.sigstore.json" "${admin}" ||
        fail "${digest} is signed, but ${admin} is not"
}

parse "$@"
commit=$(git rev-parse HEAD)
source=$(source_url)
# Commit time, for tools that would record the build time.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
check_prerequisites
builder=${BUILDER_ID:-urn:roster:local-build}
source=${source:-urn:roster:no-remote}
work=$(mktemp -d)
trap 'rm -rf "${work}"' EXIT
if [[ ${task} == build ]]; then
    build
    exit
fi
refuse_changes
compare
push
sign
if ! "${dry_run}"; then
    printf '%s\n' "${digest}" | tee "${reports}/digest" >&3
fi
