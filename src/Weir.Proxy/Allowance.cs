// SPDX-License-Identifier: Apache-2.0
namespace Weir.Proxy;

/// <summary>What a peer may still do of something that costs it little and others much: so much at once, a little
/// more every second, and what it earns by doing what it is there for.</summary>
internal struct Allowance
{
    private const int Second = 1000;
    private readonly int _most;
    private readonly int _perSecond;
    private int _left;
    private long _since;

    public Allowance(int most, int perSecond)
    {
        _most = most;
        _perSecond = perSecond;
        _left = most;
    }

    /// <param name="now">Milliseconds, of a clock that does not go back.</param>
    /// <returns>False: there is nothing left.</returns>
    public bool TrySpend(long now)
    {
        if (_left == 0)
        {
            // A moment too short for one more is not lost: it counts from where the last one began.
            var gained = _since == 0 ? 0 : (now - _since) * _perSecond / Second;
            _left = (int)Math.Min(_most, gained);
            _since = gained > 0 || _since == 0 ? now : _since;
            if (_left == 0)
            {
                return false;
            }
        }
        else if (_left == _most)
        {
            _since = now;
        }

        _left--;
        return true;
    }

    public void Earn(int amount) => _left = Math.Min(_most, _left + amount);
}
