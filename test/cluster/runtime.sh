#!/bin/sh
# runc, with the node's boot id in every container: a container's /proc is a new one, which would show the machine's.
prev= bundle= creates=
for word in "$@"; do
  [ "$prev" = --bundle ] && bundle=$word
  [ "$word" = create ] && creates=yes
  prev=$word
done
if [ -n "$creates" ]; then
  # Runs when the container's mounts are there, in its root, before that becomes / (OCI runtime-spec, createContainer hooks).
  hook='{"path":"/bin/sh","args":["sh","-c","mount --bind /run/boot_id proc/sys/kernel/random/boot_id"]}'
  sed -i "1s|^{|{\"hooks\":{\"createContainer\":[$hook]},|" "$bundle/config.json"
fi
exec runc "$@"
