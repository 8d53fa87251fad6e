#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that speak HTTP for a purpose of their own: tools.sh NAME ADDRESS REGISTRY-PORT.
set -euo pipefail
address=$2
registry=127.0.0.1:$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' GIT_TERMINAL_PROMPT=0

git_lab() {
    git -c user.name=lab -c user.email=lab@lab -c init.defaultBranch=main -c protocol.version=2 "$@" 2>&1
}

# A repository under a name that does not show in what is printed.
tool_git() {
    local url=http://$address:8003/git/$$.git
    git init -q --bare "/run/lab/git/$$.git"
    git -C "/run/lab/git/$$.git" config http.receivepack true
    chown -R www-data "/run/lab/git/$$.git"
    git_lab init -q one
    head -c 3000000 /dev/zero | tr '\0' x > one/text
    # What no compression makes small.
    openssl enc -aes-128-ctr -K 00 -iv 00 -in one/text -out one/noise 2> /dev/null
    git_lab -C one add .
    git_lab -C one commit -q -m first
    # More than the buffer: git sends it chunked.
    git_lab -C one -c http.postBuffer=65536 push -q "$url" HEAD:main
    git_lab clone -q -b main "$url" two
    git -C two rev-parse HEAD
    sha256sum two/text two/noise
    git_lab -C two commit -q --allow-empty -m second
    git_lab -C two push -q origin HEAD:main
    git_lab clone -q -b main --depth 1 "$url" three
    git -C three log --format='%H %s'
    git_lab ls-remote "$url"
    git_lab clone -q "$url.none" four | sed "s/$$/ID/" || true
    rm -rf "/run/lab/git/$$.git"
}

# A flat archive: its path ends with a dot. $3: a proxy.
tool_apt() {
    mkdir -p state/lists/partial cache/archives/partial etc/preferences.d etc/apt.conf.d
    touch status
    echo "deb [trusted=yes] http://$address:8001/apt ./" > etc/lab.list
    apt_lab() {
        "$1" -q -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
            -o Dir::Etc="$work/etc" -o Dir::Etc::sourcelist="$work/etc/lab.list" -o Dir::Etc::sourceparts=- \
            -o Dir::Etc::trustedparts=- -o APT::Sandbox::User=root -o Acquire::Retries=0 -o Acquire::http::Timeout=8 \
            -o Acquire::http::Proxy="${proxy:-DIRECT}" -o APT::Update::Error-Mode=any "${@:2}" 2>&1 | sed 's/ in [0-9]*s.*//'
    }
    apt_lab apt-get update
    apt_lab apt-cache policy lab-nothing
    apt_lab apt-get download lab-nothing
    sha256sum -- *.deb
    apt_lab apt-get update
}

tool_apt_squid() {
    proxy=http://$address:8006
    tool_apt
}

# Python's packages, by squid: over HTTP, and over TLS behind CONNECT.
tool_pip_squid() {
    local index
    for index in "http://$address/simple/" "https://$address/simple/"; do
        /usr/bin/python3 -m pip --isolated --disable-pip-version-check --no-cache-dir --no-color --retries 0 --timeout 10 \
            --proxy "http://$address:8006" --trusted-host "$address" \
            download -q --no-deps --index-url "$index" -d pip lab_nothing 2>&1
        sha256sum pip/*
        rm -r pip
    done
}

# A registry spoken to by curl, as a client that pushes, asks and pulls would.
tool_registry_curl() {
    local base=http://$address:8007/v2/lab-$$ place digest
    curl_lab() { curl -sS -m 15 "$@" 2>&1 | tr -d '\r' | sed -E "s/lab-$$/lab-ID/g; s/^(Date|Docker-Upload-Uuid|Location): .*/\1/"; }
    head -c 5000000 /dev/zero > layer
    digest=sha256:$(sha256sum layer | cut -d ' ' -f 1)
    place=$(curl -sS -m 15 -i -X POST "$base/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //p')
    curl_lab -o /dev/null -w '%{http_code}\n' -X PATCH -H 'Content-Type: application/octet-stream' -H 'Transfer-Encoding: chunked' --data-binary @layer "$place"
    place=$(curl -sS -m 15 -i -X POST "$base/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //p')
    curl_lab -i -X PUT -H 'Content-Type: application/octet-stream' --data-binary @layer "$place&digest=$digest"
    curl_lab -I "$base/blobs/$digest"
    curl_lab -i -r 0-99 -o /dev/null -w '%{http_code} %{size_download}\n' "$base/blobs/$digest"
    curl_lab "$base/blobs/$digest" | sha256sum
    curl_lab -i "$base/tags/list"
}

# The same by Go's libraries of containers.
tool_registry_skopeo() {
    local image=docker://$address:8007/skopeo-$$
    skopeo --insecure-policy copy -q --dest-tls-verify=false "dir:/run/lab/image" "$image:one"
    skopeo inspect --tls-verify=false "$image:one" | sed "s/skopeo-$$/ID/" | grep -v Created
    mkdir pulled
    skopeo --insecure-policy copy -q --src-tls-verify=false "$image:one" dir:pulled
    sha256sum pulled/* | sort
    skopeo delete --tls-verify=false "$image:one"
}

# dockerd pushes and pulls, by a port of its own that leads into the client's network: an image that it has not had before.
tool_registry_docker() {
    local image=$registry/docker-$$
    head -c 3000000 /dev/urandom > layer
    tar -c layer | docker import - "$image" > /dev/null
    docker push -q "$image" 2>&1 | sed "s|$image|IMAGE|"
    docker rmi "$image" > /dev/null
    docker pull -q "$image" 2>&1 | sed "s|$image|IMAGE|"
    docker create --name "docker-$$" --network none "$image" none > /dev/null
    docker cp -q "docker-$$:/layer" back
    cmp layer back && echo 'the same'
    docker rm "docker-$$" > /dev/null
    docker rmi "$image" > /dev/null
}

# Docker's command line over TCP: what is attached is a connection that changes its protocol.
tool_docker() {
    export DOCKER_HOST=tcp://$address:8014
    local name=docker-$$
    docker version --format '{{.Server.APIVersion}}'
    docker run --rm --network none weir-busybox sh -c 'echo out; echo err >&2; exit 3' || echo "exit code $?"
    printf 'one\ntwo\n' | docker run --rm -i --network none weir-busybox cat
    docker run -d --name "$name" --network none -i weir-busybox sh -c 'read line; echo "heard $line"; exec sleep 60' > /dev/null
    head -c 3000000 /dev/zero | docker exec -i "$name" sha256sum
    docker exec "$name" sh -c 'head -c 3000000 /dev/zero' | sha256sum
    docker exec -t "$name" tty
    (docker logs -f "$name" & echo $! > logs.pid; wait) > logs &
    echo hello | docker attach --sig-proxy=false "$name" > attached &
    for _ in $(seq 100); do ! grep -q heard logs || break; sleep 0.1; done
    cat logs
    docker kill "$name" > /dev/null
    wait
    echo content > file
    docker cp file "$name:/tmp/file"
    docker cp "$name:/tmp/file" back
    cat back
    docker rm "$name" > /dev/null
    docker save weir-busybox | tar -t > saved && echo saved
    printf 'FROM weir-busybox\nCOPY file /file\nRUN true\n' > Dockerfile
    DOCKER_BUILDKIT=0 docker build -q --network none . > /dev/null 2> build.log && echo built || cat build.log
}

"tool_$1"
