#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows what Apache was asked, as CGI tells it.
digest=$(sha256sum)
body=$(
    echo "$REQUEST_METHOD $REQUEST_URI $SERVER_PROTOCOL from $REMOTE_ADDR"
    env | grep -E '^(HTTP_|CONTENT_|QUERY_|PATH_INFO)' | LC_ALL=C sort
    echo "body: $digest"
)
[ "$REQUEST_METHOD" != HEAD ] || body=
printf 'Content-Type: text/plain\r\nX-Cgi: yes\r\n\r\n%s\n' "$body"
