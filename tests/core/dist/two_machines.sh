#!/bin/bash
# two_machines.sh PROGRAM FOLDER: runs `PROGRAM --role meet env://` as four ranks on two network
# namespaces with a cable between them: two machines, as far as the network goes. To be run in
# namespaces of its own (user, net and mount). The second time rank 0's machine is named, and knows
# itself by an address that the other cannot reach, as Debian's /etc/hosts has it.
set -e
program=$1
folder=$2

ip link set lo up
unshare --net sleep 600 &
second=$!
trap 'kill $second' EXIT
until [ "$(readlink /proc/$second/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
  sleep 0.05
done
ip link add cable0 type veth peer name cable1
ip link set cable1 netns $second
ip addr add 10.77.0.1/24 dev cable0
ip link set cable0 up
on_second=(nsenter --target $second --net)
"${on_second[@]}" ip link set lo up
"${on_second[@]}" ip addr add 10.77.0.2/24 dev cable1
"${on_second[@]}" ip link set cable1 up

{ cat /etc/hosts; echo "127.0.1.1 first-machine"; } > "$folder/hosts0"
{ cat /etc/hosts; echo "10.77.0.1 first-machine"; } > "$folder/hosts1"
export MASTER_PORT=29500 WORLD_SIZE=4
for MASTER_ADDR in 10.77.0.1 first-machine; do
  export MASTER_ADDR
  ranks=()
  for RANK in 0 1 2 3; do
    export RANK
    machine=$((RANK / 2))
    where=()
    [ $machine -eq 0 ] || where=("${on_second[@]}")
    "${where[@]}" unshare --mount sh -c \
      "mount --bind '$folder/hosts$machine' /etc/hosts; exec '$program' --role meet env://" &
    ranks+=($!)
  done
  for rank in "${ranks[@]}"; do wait $rank; done
done
