// Preact and htm: components are functions, markup is in template strings.

import { h, render, Fragment } from "preact";
import { useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import htm from "htm";

const html = htm.bind(h);

export { html, render, Fragment };
export { useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useRef, useState };
