# Sends what it reads to our address, or to one below it. Neither the address, which is a secret, nor what is sent stands among the
# arguments of a program: everybody on this machine may read those.
post() {
  of=$here/post.$$
  cat >"$of.body"
  if has curl; then
    printf 'url = "%s"\n' "$url${1:-}" >"$of.to"
    status=$(curl -sS -m 20 -H 'Content-Type: text/plain' --data-binary "@$of.body" -o "$of.answer" -w '%{http_code}' -K "$of.to")
    case $status in 2??) went=0 ;; *) went=1 ;; esac
  else
    printf '%s\n' "$url${1:-}" >"$of.to"
    wget -q -T 20 -t 1 --content-on-error --post-file="$of.body" -O "$of.answer" -i "$of.to"
    went=$?
  fi
  if [ "$went" = 0 ]; then
    cat "$of.answer"
  elif [ -r "$of.answer" ]; then
    # A sentence is for whoever runs this; a page is for browsers.
    case $(head -n 1 "$of.answer") in '<'*) ;; *) head -n 3 "$of.answer" >&2 ;; esac
  fi
  rm -f "$of.body" "$of.to" "$of.answer"
  return "$went"
}
