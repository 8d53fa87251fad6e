// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Weir.Api;
using Weir.Control;
using Weir.Flows;
using Weir.Http.Rules;
using Weir.Linux;
using Weir.Proxy;

namespace Weir.Agent;

/// <summary>
/// Starts the proxy when a policy first needs one, watches it, starts it again when it ends, and replaces it
/// when it is of another version. The proxy outlives the agent; a new agent finds it by its socket.
/// </summary>
internal sealed class ProxySupervisor : IHttpProxy, IDisposable
{
    private static readonly TimeSpan _answerTime = TimeSpan.FromSeconds(5);

    /// <summary>Where all processors are taken, a start takes long; until then the proxy of before serves, or nobody is there who could sooner.</summary>
    private static readonly TimeSpan _startTime = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan _pollEvery = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan _restartPause = TimeSpan.FromMilliseconds(100);

    private readonly string _socket;
    private readonly string _pinRoot;
    private readonly TimeSpan _drain;
    private readonly Datapath.Datapath _datapath;
    private readonly ILogger _log;
    private readonly object _lock = new();
    private readonly ProxyQuestion _stats = new();
    private readonly ManualResetEventSlim _stopping = new();
    private readonly ManualResetEventSlim _needed = new();
    private readonly GuardedThread _thread;
    private IReadOnlyCollection<HttpPolicy> _policies = [];
    private FlowHub? _flows;
    private ProxyLink? _link;
    private ulong _generation;
    private ulong _acknowledged;

    internal ProxySupervisor(AgentConfig config, Datapath.Datapath datapath, ILogger log)
    {
        _socket = ProxyCommand.SocketIn(config.RunFolder);
        _pinRoot = config.Datapath.PinRoot;
        _drain = config.ProxyDrain;
        _datapath = datapath;
        _log = log;
        _thread = GuardedThread.Lasting("proxy", Run, e => Log.ThreadFailed(log, "watching the proxy", e));
    }

    /// <summary>Asks the proxy what it has counted up to now; null: it does not run, or does not answer.</summary>
    internal ProxyStats? Stats() => _link is { } link ? _stats.Ask(link) : null;

    /// <summary>For status: whether the proxy runs.</summary>
    internal string Describe() =>
        _link?.Hello is { } proxy ? $"process {proxy.Pid} on port {proxy.Port}"
        : _needed.IsSet ? "does not run: what needs it is dropped"
        : "not needed yet";

    /// <summary>Begins to watch, and hands requests to the hub.</summary>
    internal void Start(FlowHub flows)
    {
        _flows = flows;
        flows.WantsChanged = () => SendWants(flows.WantsRequests);
        _thread.Start();
    }

    public void Enforce(IReadOnlyCollection<HttpPolicy> policies)
    {
        lock (_lock)
        {
            _policies = [.. policies];
            _generation++;
            if (_policies.Count > 0)
            {
                _needed.Set();
            }

            if (!_thread.IsAlive || !_needed.IsSet)
            {
                return; // it gets them when it is there
            }

            TrySend();
            long until = Environment.TickCount64 + (long)_answerTime.TotalMilliseconds;
            while (_acknowledged < _generation && Environment.TickCount64 < until && !_stopping.IsSet)
            {
                Monitor.Wait(_lock, _pollEvery);
            }

            if (_acknowledged < _generation)
            {
                Log.ProxySlow(_log, _answerTime.TotalSeconds);
            }
        }
    }

    /// <summary>Leaves the proxy running.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _stopping.Set();
            _needed.Set();
            _link?.Dispose();
        }

        if (_thread.IsAlive)
        {
            _thread.Join();
        }
    }

    private void Run()
    {
        // One that an earlier agent has left is taken on, whether or not there is a policy for it yet.
        ProxyLink? link = ProxyLink.TryConnect(_socket);
        if (link is null)
        {
            _datapath.SetProxyPort(0);
        }

        while (true)
        {
            if (link is null)
            {
                _needed.Wait();
                if (_stopping.IsSet)
                {
                    return;
                }

                link = StartProxy(takeOver: false);
            }
            else if (!IsThisProgram(link.Hello.Pid))
            {
                Log.ProxyReplaced(_log, link.Hello.Version);
                link.Dispose();
                link = StartProxy(takeOver: true);
            }

            if (link is not null)
            {
                _needed.Set();
                Follow(link);
            }

            if (_stopping.Wait(_restartPause))
            {
                return;
            }

            // None has the place of the one that ended; of one that did not start, the one before it has.
            link = ProxyLink.TryConnect(_socket);
        }
    }

    /// <summary>After an upgrade the proxy still runs the executable of before, which is another file or none any more.</summary>
    private static bool IsThisProgram(int pid)
    {
        try
        {
            return new FileInfo($"/proc/{pid}/exe").LinkTarget == new FileInfo("/proc/self/exe").LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private ProxyLink? StartProxy(bool takeOver)
    {
        try
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.ArgumentList.Add("proxy");
            start.ArgumentList.Add("--proxy-socket");
            start.ArgumentList.Add(_socket);
            start.ArgumentList.Add("--pin-root");
            start.ArgumentList.Add(_pinRoot);
            start.ArgumentList.Add("--drain");
            start.ArgumentList.Add($"{(long)_drain.TotalSeconds}s");
            if (takeOver)
            {
                start.ArgumentList.Add("--take-over");
            }

            using Process process = Process.Start(start)!;
            long until = Environment.TickCount64 + (long)_startTime.TotalMilliseconds;
            while (Environment.TickCount64 < until && !process.HasExited && !_stopping.IsSet)
            {
                if (ProxyLink.TryConnect(_socket) is { } link)
                {
                    if (link.Hello.Pid == process.Id)
                    {
                        return link;
                    }

                    link.Dispose();
                }

                _stopping.Wait(_pollEvery);
            }

            if (_stopping.IsSet)
            {
                return null; // the next agent finds it
            }

            // What it may have accepted, nobody would give policies for.
            process.Kill();
            string said = process.StandardError.ReadToEnd().Trim();
            Log.ProxyNotStarted(_log, said.Length > 0 ? said : "it does not answer");
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException or InvalidOperationException)
        {
            Log.ProxyNotStarted(_log, e.Message);
        }

        return null;
    }

    /// <summary>Until the proxy ends.</summary>
    private void Follow(ProxyLink link)
    {
        lock (_lock)
        {
            if (_stopping.IsSet)
            {
                link.Dispose();
                return;
            }

            _link = link;
            TrySend();
        }

        try
        {
            while (link.Read() is { } message)
            {
                Handle(link, message);
            }
        }
        finally
        {
            lock (_lock)
            {
                _link = null;
                _acknowledged = 0;
            }

            link.Dispose();
        }

        if (!_stopping.IsSet)
        {
            _datapath.SetProxyPort(0);
            Log.ProxyLost(_log);
        }
    }

    private void Handle(ProxyLink link, FromProxy message)
    {
        switch (message.MessageCase)
        {
            case FromProxy.MessageOneofCase.Ack:
                // It serves from here on.
                _datapath.SetProxyPort((ushort)link.Hello.Port);
                lock (_lock)
                {
                    _acknowledged = message.Ack.Generation;
                    Monitor.PulseAll(_lock);
                }

                break;
            case FromProxy.MessageOneofCase.Access:
                _flows!.Add(message.Access);
                break;
            case FromProxy.MessageOneofCase.Stats:
                _stats.Answer(message.Stats);
                break;
            case FromProxy.MessageOneofCase.Log when message.Log.IsError:
                Log.ProxyWarns(_log, message.Log.Text);
                break;
            case FromProxy.MessageOneofCase.Log:
                Log.ProxySays(_log, message.Log.Text);
                break;
            default:
                break;
        }
    }

    private void TrySend()
    {
        try
        {
            _link?.Send(_generation, _policies);
            _link?.SetWants(_flows!.WantsRequests);
        }
        catch (IOException)
        {
            // It is gone, or hangs with half a message: the next one gets them.
            _link?.Dispose();
        }
    }

    private void SendWants(bool requests)
    {
        try
        {
            _link?.SetWants(requests);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // As above.
        }
    }
}
