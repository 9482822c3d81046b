#!/bin/sh
# A peer: curl under xargs. One job:  curl.sh POLL_INTERVAL_S ID VIDEO_URL AUDIO_URL
# The address and the key come from the environment. Called by:  xargs -n 3 -P 10 sh curl.sh 0.5 < JOBS
set -u
interval=$1 reference=$2 video=$3 audio=$4
requests=$CHAMELAION_BASE_URL/v1/lipsync
answer=$(curl --silent --show-error --fail --header "X-API-Key: $CHAMELAION_API_KEY" \
  --json "{\"inputs\": [{\"type\": \"video\", \"url\": \"$video\"}, {\"type\": \"audio\", \"url\": \"$audio\"}], \"reference_id\": \"$reference\"}" \
  "$requests/generate") || exit 1
id=$(printf %s "$answer" | sed 's/.*"request_id": *"\([^"]*\)".*/\1/')
while :; do
  case $(curl --silent --show-error --fail --header "X-API-Key: $CHAMELAION_API_KEY" "$requests/requests/$id") in
    *'"status":"completed"'* | *'"status":"failed"'*) exit 0 ;;
  esac
  sleep "$interval"
done
