# Who signs the artifact, and whether a digest is signed by them. For the scripts beside it.
# shellcheck shell=bash disable=SC2034 # The patterns are for the scripts beside it.
#
# With a key, as on Jenkins:  COSIGN_KEY_PUB, a reference to the public key
# Without, as on Actions:     COSIGN_IDENTITY, a regular expression for the whole identity, and COSIGN_ISSUER

readonly digest_pattern='^sha256:[0-9a-f]{64}$'
readonly zeros=sha256:0000000000000000000000000000000000000000000000000000000000000000

# A reference names a key: a file, env://NAME or that of a key service. The key itself would be on
# cosign's command line, for everyone on the machine to read.
is_key_reference() {
    [[ $1 != *$'\n'* && $1 != *-----BEGIN* ]]
}

# Prints what is missing to verify with, if anything.
missing_verifier() {
    if [[ -n ${COSIGN_KEY_PUB:-} ]]; then
        is_key_reference "${COSIGN_KEY_PUB}" || echo 'COSIGN_KEY_PUB as a reference to a key (it holds something else)'
    elif [[ -z ${COSIGN_IDENTITY:-} || -z ${COSIGN_ISSUER:-} ]]; then
        echo 'COSIGN_KEY_PUB, or COSIGN_IDENTITY and COSIGN_ISSUER (who may sign)'
    fi
}

# verify_signature REPOSITORY@DIGEST
verify_signature() {
    if [[ -n ${COSIGN_KEY_PUB:-} ]]; then
        run cosign verify --key "${COSIGN_KEY_PUB}" --output text "$1"
    else
        # Anchored: an identity that only contains the right one is somebody else's.
        run cosign verify --certificate-identity-regexp "^(${COSIGN_IDENTITY:-})\$" \
            --certificate-oidc-issuer "${COSIGN_ISSUER:-}" --output text "$1"
    fi
}
