// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Datapath;
using Weir.Linux;

namespace Weir.Control.Endpoints;

/// <summary>
/// Tells the socket hook which network namespaces are those of endpoints' containers, and whose. The runtime names a file at
/// join and makes the namespace only then; until it is known, sockets of any namespace get backends, so that a
/// container's first connection does. Called on the writer's thread.
/// </summary>
internal sealed class EndpointNamespaces(Writer writer, EndpointManager endpoints, NamespaceTable kernel)
{
    private static readonly TimeSpan _lookEvery = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);
    private bool _isLooking;
    private long _lookUntil;

    /// <summary>After a join: looks until all are known, for a while.</summary>
    internal void Learn()
    {
        _lookUntil = Environment.TickCount64 + (long)_patience.TotalMilliseconds;
        if (!Refresh() && !_isLooking)
        {
            _isLooking = true;
            _ = LookAsync();
        }
    }

    /// <summary>Looks again for those that are not known.</summary>
    /// <returns>Whether all are known now.</returns>
    internal bool Refresh()
    {
        foreach (Endpoint endpoint in endpoints.Attached.Where(endpoint => endpoint.NamespaceCookie == 0).ToList())
        {
            if (endpoint.NamespacePath.Length > 0 && TryRead(endpoint.NamespacePath) is { } cookie)
            {
                endpoints.SetNamespace(endpoint, cookie);
            }
        }

        Dictionary<ulong, NamespaceRow> known = endpoints.Attached.GroupBy(endpoint => endpoint.NamespaceCookie)
            .ToDictionary(group => group.Key, group => RowOf(group.MinBy(endpoint => endpoint.Id)!));
        bool areAll = !known.Remove(0);
        kernel.Set(known, areAll);
        return areAll;
    }

    /// <summary>The file that leads to a namespace; null: no container that is known is there.</summary>
    internal string? PathOf(ulong cookie) => endpoints.Attached.FirstOrDefault(endpoint => endpoint.NamespaceCookie == cookie)?.NamespacePath;

    private static NamespaceRow RowOf(Endpoint endpoint) => new(endpoint.Id, endpoint.Ipv4, endpoint.Ipv6);

    private async Task LookAsync()
    {
        bool isOver = false;
        while (!isOver)
        {
            await Task.Delay(_lookEvery);
            try
            {
                isOver = await writer.RunAsync(() =>
                {
                    bool isDone = Refresh() || Environment.TickCount64 > _lookUntil;
                    _isLooking = !isDone;
                    return isDone;
                });
            }
            catch (ObjectDisposedException)
            {
                return; // the agent stops
            }
        }
    }

    private static ulong? TryRead(string path)
    {
        try
        {
            return NetworkNamespace.CookieOf(path);
        }
        catch (LinuxException)
        {
            // Not made yet: no file, or one that is no namespace.
            return null;
        }
    }
}
