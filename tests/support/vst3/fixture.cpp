// A gain with a latency of 137 samples; built with CRASHES or HANGS, it does that as soon as it is run.
#include "DistrhoPlugin.hpp"
#include <vector>
START_NAMESPACE_DISTRHO
class Fixture : public Plugin {
  public:
    Fixture() : Plugin(1, 0, 0), gain(1.0f), delayed(2) { setLatency(kLatency); for (auto& d : delayed) d.assign(kLatency, 0.0f); }
  protected:
    const char* getLabel() const override { return "Fixture"; }
    const char* getMaker() const override { return "acestep-bridge"; }
    const char* getLicense() const override { return "GPL-3.0-or-later"; }
    uint32_t getVersion() const override { return d_version(1, 0, 0); }
    int64_t getUniqueId() const override { return d_cconst('F', 'i', 'x', 't'); }
    void initParameter(uint32_t, Parameter& p) override { p.name = "Gain"; p.symbol = "gain"; p.hints = kParameterIsAutomatable; p.ranges.def = 1.0f; p.ranges.min = 0.0f; p.ranges.max = 4.0f; }
    float getParameterValue(uint32_t) const override { return gain; }
    void setParameterValue(uint32_t, float v) override { gain = v; }
    void activate() override { for (auto& d : delayed) d.assign(kLatency, 0.0f); }
    void run(const float** in, float** out, uint32_t n) override {
#if defined(CRASHES)
        *(volatile int*)0 = 1;
#elif defined(HANGS)
        for (volatile bool f = true; f;) {}
#endif
        for (int c = 0; c < 2; c++) {
            std::vector<float> all(delayed[c]); all.insert(all.end(), in[c], in[c] + n);
            for (uint32_t i = 0; i < n; i++) out[c][i] = all[i] * gain;
            delayed[c].assign(all.end() - kLatency, all.end());
        }
    }
  private:
    static const int kLatency = 137;
    float gain; std::vector<std::vector<float>> delayed;
};
Plugin* createPlugin() { return new Fixture(); }
END_NAMESPACE_DISTRHO
