# Sourced by the scripts beside it: what more than one of them installs or needs.

# need_packages NAME...: Debian packages, those that are missing.
need_packages() {
    local missing=() package sudo=""
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get -o DPkg::Lock::Timeout=600 update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "${missing[@]}"
}

# python_with FOLDER NAME==VERSION...: FOLDER/venv with these and nothing older.
python_with() {
    local folder=$1
    shift
    if [ "$(cat "$folder/venv/wanted" 2>/dev/null)" != "$*" ]; then
        need_packages python3-venv
        python3 -m venv --clear "$folder/venv"
        "$folder/venv/bin/pip" install -q "$@"
        echo "$*" > "$folder/venv/wanted"
    fi
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# authority FOLDER NAME: a certificate that signs others, NAME.pem and NAME.key.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1/$2.key" -out "$1/$2.pem" \
        -days 2 -subj "/CN=$2" -addext keyUsage=critical,keyCertSign 2>/dev/null
}

# certificate FOLDER AUTHORITY NAME: for this machine, signed by AUTHORITY.
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1/$3.key" -out "$1/$3.csr" -subj "/CN=$3" 2>/dev/null
    openssl x509 -req -in "$1/$3.csr" -CA "$1/$2.pem" -CAkey "$1/$2.key" -CAcreateserial -days 2 \
        -extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:localhost') -out "$1/$3.pem" 2>/dev/null
}
