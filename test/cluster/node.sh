# The first process of a node, in a network, mount and PID namespace of its own. All paths are then those of any node, and
# nothing is left in the machine's /etc, /opt, /run or /var. $1: the node's folder on a disk, $2: file that says it is ready, $3: this boot's id.
set -e
S=$1
mkdir -p $S/cg $S/containerd $S/kubelet
# Pods' mounts with Bidirectional and HostToContainer propagation need shared ones.
mount --make-rshared /
# sysfs shows the network namespace of who mounted it; the cgroups below the machine's move over.
mount --rbind /sys/fs/cgroup $S/cg
mount --make-rslave $S/cg
mount -t sysfs sysfs /sys
mount --rbind $S/cg /sys/fs/cgroup
umount -R $S/cg
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/lock
# All nodes run on one kernel, which has one boot id: the node's own daemons see this one here, containers through runtime.sh.
echo "$3" > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
cp "$(dirname "$0")/runtime.sh" /run/runtime
for d in etc opt var/lib var/log; do
  mkdir -p $S/over/$d/up $S/over/$d/work
  mount -t overlay overlay -o lowerdir=/$d,upperdir=$S/over/$d/up,workdir=$S/over/$d/work /$d
done
mkdir -p /etc/cni/net.d /opt/cni/bin /var/lib/cni /var/lib/containerd /var/lib/kubelet /var/lib/multinic \
  /var/log/pods /var/log/containers /etc/iproute2
# Images and pods lie on the disk itself: an overlay refuses another one below it.
mount --bind $S/containerd /var/lib/containerd
mount --bind $S/kubelet /var/lib/kubelet
# Look-ups fail at once instead of timing out.
echo '# none' > /etc/resolv.conf
# The kubelet writes these: they are the machine's.
for k in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  f=/run/sysctl.$(echo $k | tr / .)
  cat /proc/sys/$k > $f
  mount --bind $f /proc/sys/$k
done
touch $2
# PID 1 of the node: reaps what its daemons leave behind.
while :; do sleep 3600 & wait $! || true; done
