# Signer of the artifact, and verification of a digest. For the scripts beside it.
# shellcheck shell=bash disable=SC2034 # The patterns are for the scripts beside it.
#
# With a key, as on Jenkins:  COSIGN_KEY_PUB, a reference to the public key
# Without, as on Actions:     COSIGN_IDENTITY, a regular expression for the whole identity, and COSIGN_ISSUER

readonly digest_pattern='^sha256:[0-9a-f]{64}$'
readonly zeros=sha256:0000000000000000000000000000000000000000000000000000000000000000

# A reference names a key: a file, env://NAME or a URI of a key service. The key itself would be visible to
# every process on the machine in cosign's command line.
is_key_reference() {
    [[ $1 != *$'\n'* && $1 != *-----BEGIN* ]]
}

# Prints the missing settings for verification, if any.
missing_verifier() {
    if [[ -n ${COSIGN_KEY_PUB:-} ]]; then
        is_key_reference "${COSIGN_KEY_PUB}" || echo 'COSIGN_KEY_PUB as a reference to a key (its value is not a reference)'
    elif [[ -z ${COSIGN_IDENTITY:-} || -z ${COSIGN_ISSUER:-} ]]; then
        echo 'COSIGN_KEY_PUB, or COSIGN_IDENTITY and COSIGN_ISSUER (the trusted signer)'
    fi
}

# verify_signature REPOSITORY@DIGEST
verify_signature() {
    if [[ -n ${COSIGN_KEY_PUB:-} ]]; then
        run cosign verify --key "${COSIGN_KEY_PUB}" --output text "$1"
    else
        # Anchored: an identity that merely contains the right one belongs to somebody else.
        run cosign verify --certificate-identity-regexp "^(${COSIGN_IDENTITY:-})\$" \
            --certificate-oidc-issuer "${COSIGN_ISSUER:-}" --output text "$1"
    fi
}
