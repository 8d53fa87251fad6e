// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using System.Text;

namespace Weir.Agent;

/// <summary>Tells systemd how the agent is (sd_notify(3)): docker.service waits until it is ready. Nothing happens
/// where nobody asked for it.</summary>
internal static class ServiceManagerNotice
{
    private const string Variable = "NOTIFY_SOCKET";

    internal static void Ready() => Send("READY=1");

    internal static void Stopping() => Send("STOPPING=1");

    private static void Send(string state)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 1 } path)
        {
            return;
        }

        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

            // "@name" is one of the abstract namespace, which begins with a zero byte.
            socket.SendTo(Encoding.ASCII.GetBytes(state), new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path));
        }
        catch (SocketException)
        {
            // Whoever waits for it will say so.
        }
    }
}
