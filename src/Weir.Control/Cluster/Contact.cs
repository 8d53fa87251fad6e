// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>How it stands with the shared store in one respect. Measured by a clock that nobody sets. Safe to use from several
/// threads.</summary>
/// <param name="patience">After so long without an answer it counts as away.</param>
internal sealed class Contact(TimeProvider time, TimeSpan patience)
{
    private readonly Lock _lock = new();
    private long _answered = time.GetTimestamp();
    private long _since = time.GetTimestamp();
    private string? _problem = "the shared store was not reached yet";

    /// <summary>When it is away, since when nothing was heard.</summary>
    internal ClusterState State
    {
        get
        {
            lock (_lock)
            {
                TimeSpan silence = time.GetElapsedTime(_answered);
                return _problem is not null ? new ClusterState(time.GetUtcNow() - silence, _problem)
                    : silence > patience ? new ClusterState(time.GetUtcNow() - silence, "the shared store does not answer")
                    : new ClusterState(time.GetUtcNow() - time.GetElapsedTime(_since), null);
            }
        }
    }

    /// <summary>It answered, as of this moment.</summary>
    /// <returns>Whether that is news.</returns>
    internal bool Answered()
    {
        lock (_lock)
        {
            _answered = time.GetTimestamp();
            if (_problem is null)
            {
                return false;
            }

            (_since, _problem) = (_answered, null);
            return true;
        }
    }

    /// <summary>If nothing was wrong, nothing is.</summary>
    internal void Stays()
    {
        lock (_lock)
        {
            _answered = _problem is null ? time.GetTimestamp() : _answered;
        }
    }

    /// <returns>Whether that is news.</returns>
    internal bool Failed(string problem)
    {
        lock (_lock)
        {
            bool isNews = _problem != problem;
            _problem = problem;
            return isNews;
        }
    }
}
