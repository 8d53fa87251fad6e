// SPDX-License-Identifier: Apache-2.0
namespace Weir.Bpf;

/// <summary>Where a socket's call, or what becomes of it, meets a program of its cgroup (enum bpf_attach_type).</summary>
public enum CgroupHook
{
    SocketOperations = 3,
    Connect4 = 10,
    Connect6 = 11,
    Sendmsg4 = 14,
    Sendmsg6 = 15,
    Recvmsg4 = 19,
    Recvmsg6 = 20,
    GetPeerName4 = 29,
    GetPeerName6 = 30,
}
