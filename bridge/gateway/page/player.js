// Versions of one piece of music, all on one time line, switched without a gap at the same position.

const AHEAD = 0.02; // seconds from a command to its sound
const FADE = 0.008;

export class Player extends EventTarget {
  #context = null;
  #sounds = new Map(); // name -> {buffer, gain}
  #chosen = "";
  #voice = null; // what sounds: {node, gain}
  #startedAt = 0;
  #startedFrom = 0;
  #loop = null;
  #matched = false;

  /** `context`: where it plays; one is made at the first sound where none is given. */
  constructor(context = null) {
    super();
    this.#context = context;
  }

  get context() {
    this.#context ??= new AudioContext();
    return this.#context;
  }

  get playing() { return this.#voice !== null; }
  get chosen() { return this.#chosen; }
  get loop() { return this.#loop; }

  get duration() {
    return Math.max(0, ...[...this.#sounds.values()].map((sound) => sound.buffer.duration));
  }

  decode(bytes) { return this.context.decodeAudioData(bytes); }

  /** A buffer that begins `offset` seconds later, so that all share one time line. */
  placed(buffer, offset) {
    const shift = Math.round(offset * buffer.sampleRate);
    if (shift <= 0) return buffer;
    const made = this.context.createBuffer(buffer.numberOfChannels, buffer.length + shift, buffer.sampleRate);
    for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
      made.copyToChannel(buffer.getChannelData(channel), channel, shift);
    }
    return made;
  }

  /** Two buffers at once. */
  mixed(one, other) {
    const made = this.context.createBuffer(Math.max(one.numberOfChannels, other.numberOfChannels), Math.max(one.length, other.length), one.sampleRate);
    for (let channel = 0; channel < made.numberOfChannels; channel++) {
      const sum = made.getChannelData(channel);
      for (const buffer of [one, other]) {
        const data = buffer.getChannelData(Math.min(channel, buffer.numberOfChannels - 1));
        for (let i = 0; i < data.length; i++) sum[i] += data[i];
      }
    }
    return made;
  }

  clear() {
    this.pause();
    this.#sounds.clear();
    this.#chosen = "";
    this.#loop = null;
    this.#startedFrom = 0;
  }

  /** `gainDb` brings it to the level of the others, where levels are matched. */
  add(name, buffer, gainDb = 0) {
    this.#sounds.set(name, { buffer, gain: 10 ** (gainDb / 20) });
    if (!this.#chosen) this.#chosen = name;
  }

  buffer(name) { return this.#sounds.get(name)?.buffer; }

  /** Seconds on the time line. */
  get position() { return this.#at(this.playing ? this.context.currentTime : this.#startedAt); }

  #at(time) {
    if (!this.playing) return this.#startedFrom;
    const gone = Math.max(0, time - this.#startedAt) + this.#startedFrom;
    const loop = this.#loop;
    if (loop && gone >= loop.end) return loop.start + ((gone - loop.start) % (loop.end - loop.start));
    return Math.min(gone, this.duration);
  }

  choose(name) {
    if (!this.#sounds.has(name) || name === this.#chosen) return;
    this.#chosen = name;
    if (this.playing) this.#take_over();
    this.#tell();
  }

  play() {
    if (this.playing || !this.#sounds.size) return;
    this.context.resume();
    if (this.#startedFrom >= this.duration - 0.01) this.#startedFrom = this.#loop?.start ?? 0;
    this.#begin(this.context.currentTime + AHEAD, this.#startedFrom);
    this.#tell();
  }

  pause() {
    if (!this.playing) return;
    const position = this.position;
    this.#end(this.context.currentTime);
    this.#startedFrom = position;
    this.#tell();
  }

  seek(position) {
    const wanted = Math.min(Math.max(0, position), this.duration);
    if (this.playing) {
      const at = this.context.currentTime + AHEAD;
      this.#end(at);
      this.#begin(at, wanted);
    } else {
      this.#startedFrom = wanted;
    }
    this.#tell();
  }

  setLoop(loop) {
    const position = this.position;
    const usable = loop && loop.end - loop.start > 0.02 ? { start: Math.max(0, loop.start), end: Math.min(loop.end, this.duration) } : null;
    const inside = !usable || (position >= usable.start && position < usable.end);
    const was = this.playing;
    if (was) this.#end(this.context.currentTime + AHEAD);
    this.#loop = usable;
    this.#startedFrom = inside ? position : usable.start;
    if (was) this.#begin(this.context.currentTime + AHEAD, this.#startedFrom);
    this.#tell();
  }

  match(wanted) {
    this.#matched = wanted;
    if (this.#voice) this.#voice.gain.gain.setTargetAtTime(this.#gain(), this.context.currentTime, 0.01);
  }

  #gain() { return this.#matched ? this.#sounds.get(this.#chosen).gain : 1; }

  /** The other version goes on where this one is: both sound for a moment, one rising, one falling. */
  #take_over() {
    const at = this.context.currentTime + AHEAD;
    const position = this.#at(at);
    this.#end(at);
    this.#begin(at, position);
  }

  #begin(at, position) {
    const { buffer } = this.#sounds.get(this.#chosen);
    const node = new AudioBufferSourceNode(this.context, { buffer });
    const gain = new GainNode(this.context, { gain: 0 });
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(this.#gain(), at + FADE);
    if (this.#loop) {
      node.loop = true;
      node.loopStart = this.#loop.start;
      node.loopEnd = this.#loop.end;
    }
    node.connect(gain).connect(this.context.destination);
    node.start(at, Math.min(position, buffer.duration));
    const voice = { node, gain };
    node.onended = () => { if (this.#voice === voice && this.position >= this.duration - 0.05) this.#finished(); };
    this.#voice = voice;
    this.#startedAt = at;
    this.#startedFrom = position;
  }

  #end(at) {
    const { node, gain } = this.#voice;
    gain.gain.setValueAtTime(gain.gain.value, at);
    gain.gain.linearRampToValueAtTime(0, at + FADE);
    node.stop(at + FADE);
    this.#voice = null;
  }

  #finished() {
    this.#voice = null;
    this.#startedFrom = 0;
    this.#tell();
  }

  #tell() { this.dispatchEvent(new Event("change")); }
}
