# shellcheck shell=bash disable=SC2034,SC2154
# A toy credential: a token from the user's secrets.
#
# Facts: token (store) token_scheme

known_credentials+=(token)

issue_token() { link env/TOKEN token; }

take_token() {
  must_copy token && export TOKEN_FILE=$private/token TOKEN_SCHEME=$token_scheme
}
