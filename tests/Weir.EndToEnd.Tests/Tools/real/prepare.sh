#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the servers and clients of the lab need, in the current folder: prepare.sh ADDRESS
set -euo pipefail
address=$1
# Debian has Go's libraries as sources: what is compiled of them, half a minute of processor, is kept for the next time.
export GOCACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/weir/go HOME=$PWD/home GOPATH=/usr/share/gocode GO111MODULE=off GOFLAGS=-trimpath CGO_ENABLED=0

# Debian gives some servers users of their own.
mkdir squid
chown proxy squid
chown www-data git www/dav

# For TLS behind CONNECT.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 \
    -subj /CN=lab -addext "subjectAltName=IP:$address"
keytool -importcert -noprompt -alias lab -file cert.pem -keystore trust.p12 -storepass secret

echo "ca_certificate = $PWD/cert.pem" > home/.wgetrc

# What /stream is.
for i in $(seq 0 79); do
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\x$(printf %x "$i")%.0s" $(seq 256) > page
    for _ in 1 2 3 4 5 6 7 8; do
        cat page page > pages
        mv pages page
    done
    cat page >> www/stream
done
rm page
echo 'hello from a file' > www/index.html
head -c 50000000 /dev/urandom > www/large

# A flat archive of one package.
mkdir -p package/DEBIAN
printf '%s\n' 'Package: lab-nothing' 'Version: 1.0+lab~1' 'Architecture: all' 'Maintainer: lab <lab@lab>' 'Description: nothing' > package/DEBIAN/control
dpkg-deb --build package 'www/apt/lab-nothing_1.0+lab~1_all.deb'
deb=$(ls www/apt/*.deb)
{
    cat package/DEBIAN/control
    echo "Filename: ./$(basename "$deb")"
    echo "Size: $(stat -c %s "$deb")"
    echo "SHA256: $(sha256sum "$deb" | cut -d ' ' -f 1)"
} > www/apt/Packages
gzip -k www/apt/Packages
{
    printf '%s\n' 'Suite: lab' 'Date: Thu, 01 Jan 2026 00:00:00 UTC' 'SHA256:'
    for file in Packages Packages.gz; do
        echo " $(sha256sum "www/apt/$file" | cut -d ' ' -f 1) $(stat -c %s "www/apt/$file") $file"
    done
} > www/apt/Release

# An index of Python packages.
mkdir -p www/simple/lab-nothing
/usr/bin/python3 - <<'END'
import zipfile
with zipfile.ZipFile("www/simple/lab-nothing/lab_nothing-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("lab_nothing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: lab-nothing\nVersion: 1.0\n")
    wheel.writestr("lab_nothing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("lab_nothing-1.0.dist-info/RECORD", "")
END
echo '<!DOCTYPE html><html><body><a href="lab_nothing-1.0-py3-none-any.whl">lab_nothing-1.0-py3-none-any.whl</a></body></html>' > www/simple/lab-nothing/index.html

javac -d java tools/Client.java
go build -o go tools/app.go
