#!/usr/bin/env bash
# Builds the artifact's parts and what is said about them, and with --push publishes it, signed.
#
# scripts/build.sh VERSION [--push] [--dry-run]
#
# VERSION is a semantic version: 1.2.3 or 1.2.3-rc.1. Not v1.2.3, which is the name of a tag in git; not
# 1.2.3+4, since a registry's tags have no plus; not latest, which says nothing. In target/reports:
#   sbom.cdx.json    what is compiled into the components (CycloneDX)
#   wasm.sha256      the components' hashes
#   provenance.json  from which commit, by whom (in-toto statement, SLSA provenance v1); about the
#                    components, and after --push about the artifact
#   digest           the artifact's digest, after --push
# --push wants a clean tree, signs the digest, attaches bill of materials and provenance, verifies the
# signature, and prints the digest: stdout has nothing else. --dry-run shows all of it and does nothing.
#
# Environment, for --push:
#   REGISTRY                        where to, as registry.example.com/roster/api
#   BUILDER_ID                      URI of what builds, for the provenance
#   COSIGN_KEY, COSIGN_KEY_PUB      references to the key and its public half (Jenkins), or
#   COSIGN_IDENTITY, COSIGN_ISSUER  what the signature without a key has to say (Actions)
# spin and cosign have to be logged in to the registry.
set -euo pipefail
cd "$(dirname "$0")/.."
# Progress goes to stderr; 3 is for the digest.
exec 3>&1 >&2
# shellcheck source=scripts/terminal.sh
source scripts/terminal.sh
# shellcheck source=scripts/signature.sh
source scripts/signature.sh
# shellcheck source=scripts/provenance.sh
source scripts/provenance.sh

readonly reports=target/reports

parse() {
    local argument number='(0|[1-9][0-9]*)' label='[0-9A-Za-z-]+'
    version='' push=false
    for argument in "$@"; do
        case ${argument} in
        --help)
            help_text >&3
            exit
            ;;
        --push) push=true ;;
        --dry-run) dry_run=true ;;
        -*) misused "there is no ${argument}" ;;
        *)
            [[ -z ${version} ]] || misused "there is one thing too many: '${argument}'"
            version=${argument}
            ;;
        esac
    done
    [[ ${version} =~ ^${number}\.${number}\.${number}(-${label}(\.${label})*)?$ ]] ||
        misused "VERSION is like 1.2.3 or 1.2.3-rc.1, not '${version}'"
}

check_prerequisites() {
    local program
    local -a missing=()
    for program in cargo git sha256sum; do
        has "${program}" || missing+=("${program}")
    done
    if "${push}"; then
        check_publishing
    fi
    require "${missing[@]}"
}

# Adds to check_prerequisites' `missing`.
check_publishing() {
    local verifier
    if ! has spin || ! spin_is_new_enough; then missing+=('spin 4.1.0 or later'); fi
    has cosign || missing+=('cosign')
    [[ ${REGISTRY:-} =~ ^[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$ ]] ||
        missing+=('REGISTRY (as registry.example.com/roster/api, without a tag)')
    [[ ${BUILDER_ID:-} =~ ^[a-z]+:[^[:space:][:cntrl:]]+$ ]] || missing+=('BUILDER_ID (a URI)')
    [[ -n ${source} ]] || missing+=('the remote origin of git (it is part of the provenance)')
    is_key_reference "${COSIGN_KEY:-}" || missing+=('COSIGN_KEY as a reference to a key (it holds something else)')
    if [[ -n ${COSIGN_KEY:-} && -z ${COSIGN_KEY_PUB:-} ]]; then
        missing+=('COSIGN_KEY_PUB (the public half of COSIGN_KEY)')
    elif [[ -z ${COSIGN_KEY:-} && -n ${COSIGN_KEY_PUB:-} ]]; then
        missing+=('COSIGN_KEY (COSIGN_KEY_PUB is set)')
    else
        verifier=$(missing_verifier)
        [[ -z ${verifier} ]] || missing+=("${verifier}")
    fi
}

# Earlier ones refuse components of WASI 0.3.0. `spin --version` is "spin 4.1.0 (<commit> <date>)".
spin_is_new_enough() {
    local found
    found=$(spin --version | sed -n 's/^spin \([0-9][0-9.]*\).*/\1/p')
    printf '%s\n' 4.1.0 "${found:-0}" | sort --version-sort --check=quiet
}

# The digest is of what is committed, or the provenance says what is not so.
refuse_changes() {
    [[ -n $(git status --porcelain) ]] || return 0
    local message='the tree has changes that are not committed'
    if "${dry_run}"; then warn "${message}"; else fail "${message}: nothing was built or pushed"; fi
}

build() {
    step "version ${version} of ${commit}"
    run cargo xtask build
    run cargo xtask sbom
    ! "${dry_run}" || return 0
    local -a files
    mapfile -t files < <(sed -n 's/^source = "\(.*\.wasm\)"$/\1/p' spin.toml)
    ((${#files[@]} > 0)) || fail 'spin.toml names no component'
    mkdir -p "${reports}"
    sha256sum "${files[@]}" >"${reports}/wasm.sha256" || fail 'a component was not built'
    statement '' >"${reports}/provenance.json"
    say "${reports} has wasm.sha256, sbom.cdx.json and provenance.json"
}

# Sets `digest` from what spin says. The labels are annotations of the artifact's manifest; spin adds
# the title and the description of spin.toml.
push() {
    step "push to ${REGISTRY:-\$REGISTRY}:${version}"
    local created label output
    created=$(date --utc --date="@${SOURCE_DATE_EPOCH}" +%Y-%m-%dT%H:%M:%SZ)
    # It would build by itself when the environment says so, which is not what was hashed.
    local -a command=(env SPIN_ALWAYS_BUILD=false spin registry push --from spin.toml)
    for label in "source=${source}" "revision=${commit}" "version=${version}" "created=${created}" \
        title=roster licenses=Apache-2.0; do
        command+=(--annotation "org.opencontainers.image.${label}")
    done
    command+=("${REGISTRY:-\$REGISTRY}:${version}")
    shown "${command[@]}"
    digest='<the digest that spin prints>'
    ! "${dry_run}" || return 0
    output=$("${command[@]}") || fail 'not pushed'
    digest=$(sed -n 's/^Pushed with digest \(sha256:[0-9a-f]*\)$/\1/p' <<<"${output}")
    [[ ${digest} =~ ${digest_pattern} ]] || fail 'pushed, but the registry told no digest: nothing is signed'
    say "${digest}"
}

# By digest: a tag may be another artifact by the time it is read.
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
    verify_signature "${artifact}" || fail "the signature of ${digest} does not verify: no deploy will take it"
}

parse "$@"
commit=$(git rev-parse HEAD)
source=$(source_url)
# The time of the commit, for whatever would write down the time of the build.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
check_prerequisites
builder=${BUILDER_ID:-urn:roster:local-build}
source=${source:-urn:roster:no-remote}
if "${push}"; then refuse_changes; fi
work=$(mktemp -d)
trap 'rm -rf "${work}"' EXIT
build
if "${push}"; then
    push
    sign
    if ! "${dry_run}"; then
        printf '%s\n' "${digest}" | tee "${reports}/digest" >&3
    fi
fi
