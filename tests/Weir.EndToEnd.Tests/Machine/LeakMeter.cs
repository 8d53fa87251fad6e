// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A container that sends to the outside world, which policy denies, all the time; the world tells when
/// something arrives.</summary>
public sealed class LeakMeter : IDisposable
{
    private const string Port = "4321";
    private static readonly string _tool = Path.Combine(Sandbox.RepoRoot, "tests/Weir.EndToEnd.Tests/Tools/leak_meter.py");
    private readonly BackgroundCommand _sender;
    private readonly BackgroundCommand _receiver;

    public LeakMeter(DockerHost host, string container)
    {
        _receiver = host.Sandbox.StartElsewhere("world", "python3", _tool, "listen", Port);
        _sender = host.Sandbox.Start("nsenter", "-t", host.PidOf(container), "-n", "python3", _tool, "send", DockerHost.WorldAddress, Port);
    }

    /// <summary>Does something, and waits until nothing has arrived for three seconds, more than a round of the watchdog:
    /// it has come back. On an idle machine that is within two seconds of the deed; how long six machines that share two
    /// processors take says nothing of Weir.</summary>
    /// <returns>For how many seconds something arrived.</returns>
    public double During(Action deed)
    {
        double begin = Now();
        deed();
        double done = Now();
        Wait.Until(() => Now() - Math.Max(done, Last()) >= 3, 10, () => $"what policy denies still arrives {Now() - done:F1} s afterwards");
        return Last() - begin;

        double Last() => Arrivals().LastOrDefault(time => time >= begin, begin);
    }

    /// <summary>How many arrived since a moment.</summary>
    public int Since(double moment) => Arrivals().Count(time => time >= moment);

    public static double Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;

    public void Dispose()
    {
        _sender.Dispose();
        _receiver.Dispose();
    }

    private IEnumerable<double> Arrivals() => _receiver.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => double.TryParse(line, CultureInfo.InvariantCulture, out double time) ? time : throw new InvalidOperationException(line));
}
